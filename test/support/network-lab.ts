import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';

export interface LabOptions {
  ipv4?: boolean;
  ipv6?: boolean;
  /** The router gives its own address to what comes from the device (IPv4), and lets in only what belongs to it. */
  translated?: boolean;
  /** Resolved on the device to the host's address. */
  hostName?: string;
  /** The device asks the host for names, at port 53: run a server there. Else it has a file with `hostName`. */
  asksForNames?: boolean;
}

const TRANSLATION = `table inet translation {
  chain out {
    type nat hook postrouting priority srcnat; policy accept;
    oifname "host" masquerade
  }
  chain in {
    type filter hook forward priority -1; policy accept;
    iifname "host" ct state new drop
  }
}
`;

/** What a bottleneck lets through at once: two packets. */
const BUCKET_BYTES = 3200;

/** The last byte of further hosts' addresses, less one. */
const FIRST_HOST = 10;

/** Made by this process, for names of their own. */
let labs = 0;

/**
 * A device of its own on a network of its own: two network namespaces, a device and a router, and this machine as the
 * internet behind them. What crosses the router can be dropped there, in the forward hook: a drop in `output` would come
 * back to the sender as an error, which is another fault.
 *
 *     this machine ── router ── device
 */
export class NetworkLab {
  readonly hostIpv4: string;
  readonly hostIpv6: string;
  readonly deviceIpv4: string;
  readonly deviceIpv6: string;
  /** Runs a command as on the device. */
  readonly launcher: readonly string[];
  readonly #device: string;
  readonly #router: string;
  readonly #subnet: number;
  readonly #link: string;
  #hosts = 0;

  private constructor() {
    labs += 1;
    this.#subnet = 1 + ((process.pid * 7 + labs) % 250);
    this.#device = `kvs-device-${process.pid}-${labs}`;
    this.#router = `kvs-router-${process.pid}-${labs}`;
    this.#link = `kvs${process.pid}-${labs}`;
    this.hostIpv4 = `10.211.${this.#subnet}.1`;
    this.deviceIpv4 = `10.212.${this.#subnet}.2`;
    this.hostIpv6 = `fd11:${this.#subnet}::1`;
    this.deviceIpv6 = `fd12:${this.#subnet}::2`;
    this.launcher = ['ip', 'netns', 'exec', this.#device];
  }

  /** Why there can be none here; undefined where there can. Network namespaces want root. */
  static unavailable(): string | undefined {
    if (process.getuid?.() !== 0) return 'network namespaces want root: run as root, as CI does';
    for (const program of ['ip', 'nft', 'tc']) {
      try {
        execFileSync(program, ['-V'], { stdio: 'ignore' });
      } catch {
        return `no ${program}: run sh test/setup.sh test`;
      }
    }
    return undefined;
  }

  /** @throws Error when it is unavailable. */
  static create(options: LabOptions = {}): NetworkLab {
    const reason = NetworkLab.unavailable();
    if (reason !== undefined) throw new Error(reason);
    const lab = new NetworkLab();
    try {
      lab.#build(options);
      if (options.translated) lab.#rules(TRANSLATION);
    } catch (error) {
      lab.close();
      throw error;
    }
    return lab;
  }

  /** nftables rules for what crosses the router, in either direction; none: everything passes. */
  filter(...rules: string[]): void {
    const table = `table inet lab {
  chain forward {
    type filter hook forward priority 0; policy accept;
    ${rules.join('\n    ')}
  }
}
`;
    this.#rules(`add table inet lab\ndelete table inet lab\n${rules.length > 0 ? table : ''}`);
  }

  /** Each packet, of any protocol and in either direction, is lost with this probability. */
  lose(percent: number): void {
    this.filter(`numgen random mod 100 < ${percent} drop`);
  }

  /**
   * A bottleneck for what the device sends: this rate, and a queue that holds this much time of it. Called again, the rate
   * changes and what waits goes on. Rate 0: none.
   */
  shape(kbps: number, queueMs: number): void {
    const limit = Math.round((kbps * queueMs) / 8) + BUCKET_BYTES;
    const tbf = `qdisc replace dev host root handle 1: tbf rate ${kbps}kbit burst ${BUCKET_BYTES} limit ${limit}`;
    this.#traffic(kbps > 0 ? tbf : 'qdisc del dev host root');
  }

  /** What waits at the bottleneck. */
  backlogBytes(): number {
    const [queue]: { backlog?: number }[] = JSON.parse(this.#traffic('-s -j qdisc show dev host root'));
    return queue?.backlog ?? 0;
  }

  /** The device gets another IPv4 address, as when it changes from one Wi-Fi to another; returns it. */
  changeAddress(): string {
    const address = `10.212.${this.#subnet}.77`;
    this.#inDevice(`addr del ${this.deviceIpv4}/24 dev eth0`);
    this.#inDevice(`addr add ${address}/24 dev eth0`);
    this.#inDevice(`route replace default via 10.212.${this.#subnet}.1`);
    return address;
  }

  /** The device's interface goes down, as when its cable is pulled out: every route is gone. IPv4 only. */
  unplug(): void {
    this.#inDevice('link set eth0 down');
  }

  plugIn(): void {
    this.#inDevice('link set eth0 up');
    this.#inDevice(`route replace default via 10.212.${this.#subnet}.1`);
  }

  /** One more IPv4 address of this machine, under a name that the device knows. For what starts there afterwards. */
  addHost(name: string): string {
    this.#hosts += 1;
    const address = `10.211.${this.#subnet}.${FIRST_HOST + this.#hosts}`;
    ip(`addr add ${address}/24 dev ${this.#link}`);
    appendFileSync(`/etc/netns/${this.#device}/hosts`, `${address} ${name}\n`);
    return address;
  }

  close(): void {
    for (const command of [
      `link del ${this.#link}`,
      `netns del ${this.#device}`,
      `netns del ${this.#router}`,
    ])
      try {
        ip(command);
      } catch {
        // It was not made.
      }
    rmSync(`/etc/netns/${this.#device}`, { recursive: true, force: true });
  }

  #build({ ipv4 = true, ipv6 = false, hostName, asksForNames = false }: LabOptions): void {
    const link = this.#link;
    ip(`netns add ${this.#device}`);
    ip(`netns add ${this.#router}`);
    ip(`link add ${link} type veth peer name host netns ${this.#router}`);
    ip(`link add eth0 netns ${this.#device} type veth peer name device netns ${this.#router}`);
    for (const name of ['lo', 'host', 'device']) this.#inRouter(`link set ${name} up`);
    for (const name of ['lo', 'eth0']) this.#inDevice(`link set ${name} up`);
    ip(`link set ${link} up`);
    this.#forward();
    if (ipv4) this.#addIpv4();
    if (ipv6) this.#addIpv6();
    const address = ipv4 ? this.hostIpv4 : this.hostIpv6;
    if (asksForNames) this.#write('resolv.conf', `nameserver ${address}\n`);
    else if (hostName !== undefined)
      this.#write('hosts', `127.0.0.1 localhost\n::1 localhost\n${address} ${hostName}\n`);
  }

  /** `ip netns exec` shows it to the command instead of the machine's own file below /etc. */
  #write(name: string, text: string): void {
    mkdirSync(`/etc/netns/${this.#device}`, { recursive: true });
    writeFileSync(`/etc/netns/${this.#device}/${name}`, text);
  }

  #forward(): void {
    const write = 'echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding';
    execFileSync('ip', ['netns', 'exec', this.#router, 'sh', '-c', write]);
  }

  #addIpv4(): void {
    const subnet = this.#subnet;
    ip(`addr add ${this.hostIpv4}/24 dev ${this.#link}`);
    this.#inRouter(`addr add 10.211.${subnet}.2/24 dev host`);
    this.#inRouter(`addr add 10.212.${subnet}.1/24 dev device`);
    this.#inDevice(`addr add ${this.deviceIpv4}/24 dev eth0`);
    this.#inRouter(`route add default via ${this.hostIpv4}`);
    this.#inDevice(`route add default via 10.212.${subnet}.1`);
    ip(`route add 10.212.${subnet}.0/24 via 10.211.${subnet}.2`);
  }

  #addIpv6(): void {
    const subnet = this.#subnet;
    // Without duplicate address detection: it would take seconds.
    ip(`-6 addr add ${this.hostIpv6}/64 dev ${this.#link} nodad`);
    this.#inRouter(`-6 addr add fd11:${subnet}::2/64 dev host nodad`);
    this.#inRouter(`-6 addr add fd12:${subnet}::1/64 dev device nodad`);
    this.#inDevice(`-6 addr add ${this.deviceIpv6}/64 dev eth0 nodad`);
    this.#inRouter(`-6 route add default via ${this.hostIpv6}`);
    this.#inDevice(`-6 route add default via fd12:${subnet}::1`);
    ip(`-6 route add fd12:${subnet}::/64 via fd11:${subnet}::2`);
  }

  #rules(input: string): void {
    execFileSync('ip', ['netns', 'exec', this.#router, 'nft', '-f', '-'], { input });
  }

  #traffic(command: string): string {
    return execFileSync('ip', ['netns', 'exec', this.#router, 'tc', ...command.split(' ')], {
      encoding: 'utf8',
    });
  }

  #inDevice(command: string): void {
    ip(`-n ${this.#device} ${command}`);
  }

  #inRouter(command: string): void {
    ip(`-n ${this.#router} ${command}`);
  }
}

function ip(command: string): void {
  execFileSync('ip', command.split(' '), { stdio: ['ignore', 'ignore', 'pipe'] });
}
