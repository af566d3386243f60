import { Secret } from '../../../src/core/secret.ts';
import { startEmbedded } from '../../../src/gateway/store/embedded.ts';

/** A process that owns an embedded PostgreSQL: argv is the data folder and the password; says when it runs. */
const [dataDir, password] = process.argv.slice(2) as [string, string];
const server = await startEmbedded({ dataDir, password: new Secret(password) });
process.once('SIGTERM', () => void server.stop());
process.stdout.write(`${JSON.stringify({ port: server.port, pid: server.pid, uid: process.getuid?.() })}\n`);
