/** A stranger registers somebody's address and waits: what of that works after the owner has proved the mailbox. */
import type { Endpoint } from "./endpoints.ts";
import { holdingsOf } from "./holdings.ts";
import { ask, choose, linkOf } from "./mail.ts";
import { attacks, each, must, type Rig, secret, type Victim } from "./suite.ts";

/** How the owner comes by the mailbox: what mails a link, and what its page asks for. */
const proofs: readonly {
  readonly name: string;
  readonly endpoint: Endpoint;
  readonly template: string;
  readonly body: (password: string) => object;
}[] = [
  { name: "a sign-in link", endpoint: "PWLESS-SEND", template: "signInLink", body: chosen },
  { name: "a confirmation", endpoint: "CONFIRM-SEND", template: "confirmation", body: chosen },
  { name: "a reset", endpoint: "RECOVER", template: "resetInstructions", body: choose },
];

function chosen(password: string): object {
  return { new_password: password, new_password_confirm: password };
}

async function registered(rig: Rig, victim: Victim): Promise<void> {
  const { email, password } = victim;
  rig.lab.created.add(email);
  const stranger = await rig.visitor();
  const json = { email, password, password_confirm: password };
  const answer = await stranger.post(rig.at("REGISTER"), { json, watch: false });
  must(answer.status === 200, `REGISTER: ${answer.status} ${answer.text}`);
  const account = await rig.lab.accounts.byEmail(email);
  must(account?.["confirmed_at"] === null, "the address counts as proved");
}

for (const [name, settings] of [
  ["without confirmation", { CONFIRMABLE: false }],
  ["with sign-in before confirmation", { LOGIN_WITHOUT_CONFIRMATION: true }],
] as const) {
  const options = { ...settings, REFRESH_TOKEN_COOKIE_NAME: null };
  attacks(
    `first proof ${name}`,
    { profiles: ["full"], short: "full:sqlite,full:postgres", settings: options },
    (attack) => {
      attack(
        "ADV-G [ASVS 6.4.1] [ASVS 7.4.3]: nothing of a stranger's outlives the owner's first proof",
        async (rig) => {
          const there = proofs.filter(({ endpoint }) => rig.path(endpoint) !== undefined);
          must(there.length >= 2, "nothing to play");
          await each(
            there,
            (proof) => proof.name,
            async ({ endpoint, template, body }) => {
              const victim = {
                email: `owner-${Buffer.from(secret()).toString("hex").slice(0, 20)}@victims.example`,
                password: secret(),
              };
              await registered(rig, victim);
              const { held } = await holdingsOf(rig, victim);
              await ask(rig, endpoint, victim.email);
              const link = await linkOf(rig, template, victim.email);
              const password = secret();
              // Who opens it elsewhere has to say a password: the mailbox alone does not adopt what a stranger has made.
              const bare = await rig.client().post(link, { json: {}, watch: false });
              must(bare.status === 400, `without a password: ${bare.status}`);
              const proof = await rig.client().post(link, { json: body(password), watch: false });
              must(proof.status === 200, `the proof: ${proof.status} ${proof.text}`);
              const alive: string[] = [];
              for (const [kind, { works }] of Object.entries(held)) if (await works()) alive.push(kind);
              must(alive.length === 0, `${alive.join(", ")} of the stranger works`);
              const old = await rig.client().post(rig.at("LOGIN"), { json: victim, watch: false });
              must(old.status === 400, `the stranger's password: ${old.status}`);
              const owner = await rig
                .client()
                .post(rig.at("LOGIN"), { json: { email: victim.email, password }, watch: false });
              must(owner.status === 200, `the owner's password: ${owner.status}`);
            },
          );
        },
      );
    },
  );
}
