import type Provider from 'oidc-provider';

/**
 * The polling rules of the device flow that oidc-provider leaves out (RFC 8628, sections 3.2 and 3.5): it names
 * the interval, and a device that asks sooner is told to slow down.
 */
export function paceDevices(provider: Provider, intervalSeconds: number): void {
  const asked = new Map<string, number>();
  provider.use(async (ctx, next) => {
    await next();
    const answer = ctx.body as { device_code?: string; error?: string; interval?: number } | undefined;
    if (ctx.oidc?.route === 'device_authorization' && answer?.device_code !== undefined) {
      ctx.body = { ...answer, interval: intervalSeconds };
    }
    const code = ctx.oidc?.params?.device_code;
    if (ctx.oidc?.route !== 'token' || typeof code !== 'string') return;
    const now = performance.now();
    const early = now - (asked.get(code) ?? Number.NEGATIVE_INFINITY) < intervalSeconds * EARLY_MS_PER_SECOND;
    if (answer?.error !== 'authorization_pending') {
      asked.delete(code);
      return;
    }
    asked.set(code, now);
    if (early)
      ctx.body = { error: 'slow_down', error_description: 'The device asks more often than agreed.' };
  });
}

/** A little less than the interval, so that a device whose timer runs a little fast is not told off. */
const EARLY_MS_PER_SECOND = 900;
