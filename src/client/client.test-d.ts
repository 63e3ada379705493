/** What of the client does not compile. */
import { createClient, type PendingSignIn, type Result, type SignedIn } from "portcullis/client";

const client = createClient({ baseUrl: "https://acme.example" });

// @ts-expect-error a password is missing
void client.login({ email: "a@b.example" });
// @ts-expect-error there is no such mode
createClient({ mode: "cookie" });
// @ts-expect-error the new password is missing
void client.changePassword({ password: "x" });
// @ts-expect-error a token is missing
void client.confirmEmail();

const signIn: Promise<Result<SignedIn | PendingSignIn>> = client.login({ email: "a@b.example", password: "x", own: 1 });
const result: Result<SignedIn | PendingSignIn> = await signIn;
// @ts-expect-error whether it went well must be looked at first
result.data;
if (result.ok) {
  // @ts-expect-error whether it is done must be looked at first
  result.data.user.email;
  if (result.data.pending === undefined) result.data.user.email satisfies string | undefined;
  else void client.finishSignIn(result.data, { code: "1" });
} else {
  result.error.field_errors["password"] satisfies readonly string[] | undefined;
  // @ts-expect-error kinds are known
  result.error.kind satisfies "offline";
}

const store: Result<{ readonly id: number }> = await client.request<{ readonly id: number }>("GET", "/store/1");
if (store.ok) store.data.id satisfies number;
