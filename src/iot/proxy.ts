/**
 * The proxy for a TLS connection to `host`, by HTTPS_PROXY (or ALL_PROXY) and NO_PROXY as curl reads them; undefined
 * where there is none. NO_PROXY lists names, which cover their subdomains, addresses, and `*`.
 */
export function proxyFor(
  host: string,
  env: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const variable = (name: string) => env[name.toLowerCase()] ?? env[name];
  const proxy = variable('HTTPS_PROXY') || variable('ALL_PROXY');
  if (!proxy) return undefined;
  const name = host.toLowerCase();
  const direct = (variable('NO_PROXY') ?? '')
    .split(/[\s,]+/)
    .map((entry) => entry.toLowerCase().replace(/^\*?\./, ''))
    .some((entry) => entry === '*' || (entry !== '' && (name === entry || name.endsWith(`.${entry}`))));
  if (direct) return undefined;
  return proxy.includes('://') ? proxy : `http://${proxy}`;
}
