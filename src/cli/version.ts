import { VERSION } from '../core/version.ts';
import { toJson } from './render/json.ts';

/** What `gw --version` prints: who reports a bug pastes it. */
export function versionText(json: boolean): string {
  const { node } = process.versions;
  const { platform, arch } = process;
  if (json) return `${toJson({ gw: VERSION, node, platform, arch }, false)}\n`;
  return `gw ${VERSION} (node ${node}, ${platform} ${arch})\n`;
}
