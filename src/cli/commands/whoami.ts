import type { CommandSpec } from '../command.ts';
import { JSON_OPTION } from '../global-options.ts';
import { factLines } from '../render/facts.ts';
import { momentText } from '../render/time.ts';

export const whoami: CommandSpec = {
  name: 'whoami',
  summary: 'Show who the gateway takes you for',
  examples: [
    ['gw whoami', 'name, groups, and when the token ends'],
    ['gw whoami --json', 'the same for a script'],
    ['gw whoami --gateway staging', 'at another gateway'],
  ],
  args: [],
  options: [JSON_OPTION],
  description:
    'The answer is the gateway\'s own, not what this machine believes. "credential" says where the token came\n' +
    'from: a profile, or one of the sources for machines, which win over profiles.',
  async run(_, { gateway: open, out, clock }) {
    const gateway = await open();
    const identity = await gateway.whoami();
    const { describe } = await gateway.credential();
    if (out.json) {
      out.value({ ...identity, gateway: gateway.url.origin, credential: describe });
      return 0;
    }
    const { dataStyle } = out;
    const lines = factLines(
      [
        ['name', identity.name],
        ['email', identity.email === identity.name ? undefined : identity.email],
        ['kind', identity.kind],
        ['groups', identity.groups.join(', ') || 'none'],
        ['subject', identity.subject],
        ['issuer', `${identity.issuer} (${identity.provider})`],
        ['token ends', momentText(Date.parse(identity.token_expires_at), clock.now())],
        ['credential', describe],
        ['gateway', gateway.url.origin],
      ],
      dataStyle,
    );
    for (const line of lines) out.line(line);
    return 0;
  },
};
