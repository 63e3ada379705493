import { describe, expect, it } from "vitest";
import { checkPeer, LostConnectionError, lostPeer, noteAddress, notePeer, unixPeer } from "./connection.ts";

const request = (): Request => new Request("http://localhost/");
const env = (socket: object): object => ({ incoming: { socket } });

describe("where a request comes from", () => {
  it("is what the socket says when it arrives, whatever becomes of the socket", () => {
    const socket: { remoteAddress: string | undefined } = { remoteAddress: "203.0.113.9" };
    const one = request();
    expect(notePeer(one, env(socket))).toBe("203.0.113.9");
    socket.remoteAddress = undefined;
    expect(notePeer(one, env(socket))).toBe("203.0.113.9");
    // Another request on the same connection finds none.
    expect(notePeer(request(), env(socket))).toBe(lostPeer);
  });

  it.each<[string, object, string]>([
    ["a TCP server", { listening: true, address: () => ({ address: "::", family: "IPv6", port: 80 }) }, lostPeer],
    ["a TCP server that is closing", { listening: false, address: () => null }, lostPeer],
    ["a server at a path", { listening: true, address: () => "/run/acme.sock" }, unixPeer],
    ["a server that was handed a Unix socket", { listening: true, address: () => null }, unixPeer],
    ["a server that says nothing", {}, lostPeer],
  ])("without an address, of %s", (_what, server, peer) => {
    expect(notePeer(request(), env({ server }))).toBe(peer);
  });

  it("stays a Unix socket while its server closes", () => {
    const server = { listening: true, address: (): string | null => "/run/acme.sock" };
    expect(notePeer(request(), env({ server }))).toBe(unixPeer);
    Object.assign(server, { listening: false, address: () => null });
    expect(notePeer(request(), env({ server }))).toBe(unixPeer);
  });

  it("is lost where there is a socket and nothing more", () => {
    expect(notePeer(request(), env({}))).toBe(lostPeer);
    expect(() => checkPeer(lostPeer)).toThrow(LostConnectionError);
    for (const peer of [undefined, unixPeer, "203.0.113.9"]) expect(() => checkPeer(peer)).not.toThrow();
  });

  it("is not known where the host knows no sockets", () => {
    for (const none of [undefined, null, {}, { incoming: {} }, { server: {} }]) {
      expect(notePeer(request(), none)).toBeUndefined();
    }
  });

  it("is found where Node's host stands beside another", () => {
    const socket = { remoteAddress: "203.0.113.9" };
    expect(notePeer(request(), { server: { incoming: { socket } } })).toBe("203.0.113.9");
  });

  it("can be said where no host hands it on, once", () => {
    const one = request();
    noteAddress(one, "203.0.113.9");
    noteAddress(one, "198.51.100.7");
    expect(notePeer(one, env({ remoteAddress: "198.51.100.7" }))).toBe("203.0.113.9");
    const gone = request();
    noteAddress(gone, undefined);
    expect(notePeer(gone, undefined)).toBe(lostPeer);
  });
});
