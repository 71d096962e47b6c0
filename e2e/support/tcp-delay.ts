import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

/** A network that is far away: a TCP proxy through which everything comes so much later, in order. */
export class TcpDelay {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
  }

  /** @param delayMs each way. */
  static async to(targetPort: number, delayMs: number): Promise<TcpDelay> {
    const server = createServer();
    const delay = new TcpDelay(server);
    server.on("connection", (near) => {
      const far = connect(targetPort, "127.0.0.1");
      delay.#carry(near, far, delayMs);
      delay.#carry(far, near, delayMs);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return delay;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #carry(from: Socket, to: Socket, delayMs: number): void {
    this.#sockets.add(from);
    from.setNoDelay(true);
    from.on("data", (bytes) => void setTimeout(() => to.write(bytes), delayMs));
    from.on("close", () => {
      this.#sockets.delete(from);
      to.destroy();
    });
    from.on("error", () => to.destroy());
  }
}
