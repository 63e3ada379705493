/** Raw sockets: requests that no HTTP library would send, and many requests that are completed at the same moment. */
import { connect, type Socket } from "node:net";
import { type Answer, answerOf } from "./client.ts";

/** The bytes of a request; the lines as given, whatever they are. */
export function rawRequest(lines: readonly string[], body: string | Buffer = ""): Buffer {
  return Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1"), Buffer.from(body)]);
}

/** An ordinary POST as bytes. */
export function rawPost(
  port: number,
  path: string,
  type: string,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): Buffer {
  return rawRequest(
    [
      `POST ${path} HTTP/1.1`,
      `Host: 127.0.0.1:${port}`,
      "Accept: application/json",
      `Content-Type: ${type}`,
      `Content-Length: ${Buffer.byteLength(body)}`,
      "Connection: close",
      ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    ],
    body,
  );
}

/** Sends bytes and reads until the server closes, or its answer is complete. Undefined: closed without an answer. */
export async function exchange(port: number, bytes: Buffer): Promise<Answer | undefined> {
  const socket = await open(port);
  const answer = collect(socket, bytes);
  socket.write(bytes);
  return answer;
}

/** Opens a connection for each request, sends all but its last byte, and then all last bytes together. */
export async function releaseTogether(
  port: number,
  requests: readonly Buffer[],
): Promise<readonly (Answer | undefined)[]> {
  const sockets = await Promise.all(requests.map(() => open(port)));
  const answers = sockets.map((socket, index) => collect(socket, requests[index] ?? Buffer.alloc(0)));
  await Promise.all(
    sockets.map(
      (socket, index) =>
        new Promise<void>((resolve, reject) => {
          socket.write(requests[index]?.subarray(0, -1) ?? "", (error) => (error ? reject(error) : resolve()));
        }),
    ),
  );
  for (const [index, socket] of sockets.entries()) socket.write(requests[index]?.subarray(-1) ?? "");
  return Promise.all(answers);
}

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    socket.once("connect", () => resolve(socket));
    socket.once("error", reject);
  });
}

function collect(socket: Socket, request: Buffer): Promise<Answer | undefined> {
  const [method = "", path = ""] = request.toString("latin1").split(" ", 2);
  return new Promise((resolve) => {
    let received = Buffer.alloc(0);
    const finish = (ended: boolean): void => {
      const answer = parse(received, method, path, ended);
      if (answer === undefined && !ended) return;
      socket.destroy();
      resolve(answer);
    };
    socket.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      finish(false);
    });
    socket.once("end", () => finish(true));
    socket.once("close", () => finish(true));
    // A reset after the answer (the server does not read on after a refusal) leaves what has come.
    socket.once("error", () => finish(true));
  });
}

/** Parses one answer; undefined as long as it is not complete. */
function parse(bytes: Buffer, method: string, path: string, ended: boolean): Answer | undefined {
  const end = bytes.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const [start = "", ...lines] = bytes.subarray(0, end).toString("latin1").split("\r\n");
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(start)?.[1] ?? 0);
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  const value = (name: string): string | undefined => headers.find(([known]) => known === name)?.[1];
  const rest = bytes.subarray(end + 4);
  if (status === 100) return parse(rest, method, path, ended);
  const length = value("content-length");
  let body: Buffer | undefined;
  if (method === "HEAD" || status === 204 || status === 304) body = Buffer.alloc(0);
  else if (/chunked/i.test(value("transfer-encoding") ?? "")) body = dechunk(rest);
  else if (length !== undefined) body = rest.length >= Number(length) ? rest.subarray(0, Number(length)) : undefined;
  if (body === undefined && ended) body = rest;
  return body === undefined ? undefined : answerOf(method, path, status, headers, body.toString("utf8"));
}

function dechunk(bytes: Buffer): Buffer | undefined {
  const parts: Buffer[] = [];
  let at = 0;
  for (;;) {
    const lineEnd = bytes.indexOf("\r\n", at);
    if (lineEnd < 0) return undefined;
    const size = Number.parseInt(bytes.subarray(at, lineEnd).toString("latin1"), 16);
    if (size === 0) return Buffer.concat(parts);
    if (bytes.length < lineEnd + 2 + size + 2) return undefined;
    parts.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size));
    at = lineEnd + 2 + size + 2;
  }
}
