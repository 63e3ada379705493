// How many argon2id verifications this machine does in a second, in a process of its own as the server is one:
// `node bench/bare-hash.ts MILLISECONDS`. Prints the number.
import { availableParallelism } from "node:os";
import { verify } from "@node-rs/argon2";
import { createHasher } from "../src/passwords/hasher.ts";

const milliseconds = Number(process.argv[2] ?? 2000);
const hash = await createHasher().hash("bench password");
await verify(hash, "bench password");
const start = performance.now();
let done = 0;
await Promise.all(
  Array.from({ length: availableParallelism() * 2 }, async () => {
    while (performance.now() - start < milliseconds) {
      await verify(hash, "bench password");
      done += 1;
    }
  }),
);
console.log((done / (performance.now() - start)) * 1000);
