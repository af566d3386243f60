import { fault } from './errors.ts';
import {
  CODE,
  DEFAULT_FRAME_BYTES,
  DEFAULT_WINDOW_BYTES,
  FLAG,
  FRAME,
  HEADER_BYTES,
  MAX_FRAME_BYTES,
  MAX_WINDOW_BYTES,
  readUint32,
  writeHeader,
  writeUint32,
} from './frames.ts';
import { H2_LIMITS } from './limits.ts';

/** Parameters of SETTINGS (RFC 9113, 6.5.2). */
export const SETTING = {
  HEADER_TABLE_SIZE: 0x1,
  ENABLE_PUSH: 0x2,
  MAX_CONCURRENT_STREAMS: 0x3,
  INITIAL_WINDOW_SIZE: 0x4,
  MAX_FRAME_SIZE: 0x5,
  MAX_HEADER_LIST_SIZE: 0x6,
} as const;

const PARAMETER_BYTES = 6;

/** What the peer allows us. Starts with the defaults of the RFC. */
export interface PeerSettings {
  maxStreams: number;
  initialWindowBytes: number;
  maxFrameBytes: number;
}

export function defaultPeerSettings(): PeerSettings {
  return {
    maxStreams: Number.POSITIVE_INFINITY,
    initialWindowBytes: DEFAULT_WINDOW_BYTES,
    maxFrameBytes: DEFAULT_FRAME_BYTES,
  };
}

/**
 * Applies a SETTINGS payload in order. HEADER_TABLE_SIZE needs nothing, as our encoder uses no table; unknown
 * parameters are ignored. Throws a ConnectionFault on a value the RFC forbids.
 */
export function applySettings(
  peer: PeerSettings,
  payload: Buffer,
  start: number,
  end: number,
  fromServer: boolean,
): void {
  for (let at = start; at < end; at += PARAMETER_BYTES) {
    const value = readUint32(payload, at + 2);
    switch ((payload[at]! << 8) | payload[at + 1]!) {
      case SETTING.ENABLE_PUSH:
        if (value > (fromServer ? 0 : 1)) fault(CODE.PROTOCOL_ERROR, 'SETTINGS_ENABLE_PUSH is not valid.');
        break;
      case SETTING.MAX_CONCURRENT_STREAMS:
        peer.maxStreams = value;
        break;
      case SETTING.INITIAL_WINDOW_SIZE:
        if (value > MAX_WINDOW_BYTES) {
          fault(CODE.FLOW_CONTROL_ERROR, 'SETTINGS_INITIAL_WINDOW_SIZE is too large.');
        }
        peer.initialWindowBytes = value;
        break;
      case SETTING.MAX_FRAME_SIZE:
        if (value < DEFAULT_FRAME_BYTES || value > MAX_FRAME_BYTES) {
          fault(CODE.PROTOCOL_ERROR, 'SETTINGS_MAX_FRAME_SIZE is not valid.');
        }
        peer.maxFrameBytes = value;
        break;
    }
  }
}

/** A complete SETTINGS frame. */
export function settingsFrame(parameters: readonly (readonly [id: number, value: number])[]): Buffer {
  const length = parameters.length * PARAMETER_BYTES;
  const frame = Buffer.alloc(HEADER_BYTES + length);
  writeHeader(frame, 0, length, FRAME.SETTINGS, 0, 0);
  parameters.forEach(([id, value], i) => {
    const at = HEADER_BYTES + i * PARAMETER_BYTES;
    frame[at + 1] = id;
    writeUint32(frame, at + 2, value);
  });
  return frame;
}

export const SETTINGS_ACK = Buffer.alloc(HEADER_BYTES);
writeHeader(SETTINGS_ACK, 0, 0, FRAME.SETTINGS, FLAG.ACK, 0);

/** Checks the length of a SETTINGS payload before it is read. */
export function admitSettings(flags: number, length: number): void {
  if (length % PARAMETER_BYTES !== 0 || ((flags & FLAG.ACK) !== 0 && length !== 0)) {
    fault(CODE.FRAME_SIZE_ERROR, 'A SETTINGS frame has a wrong length.');
  }
  if (length > H2_LIMITS.settings * PARAMETER_BYTES) {
    fault(CODE.ENHANCE_YOUR_CALM, 'A SETTINGS frame has too many parameters.');
  }
}
