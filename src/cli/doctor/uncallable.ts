import type { Finding } from "./finding.ts";

/** What OpenSSL says of a certificate whose issuer is not known here (X509_V_ERR_…, as Node names it). */
const untrusted = new Set([
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
]);
const outOfTime = new Set(["CERT_HAS_EXPIRED", "CERT_NOT_YET_VALID"]);

/** Why a server can't be called, and what mends it. Its certificate is always verified: what callers see is what is looked for. */
export function uncallable(url: URL, error: unknown): Finding {
  const fault = (text: string, mend: string): Finding => ({ check: "proxies", level: "fault", text, mend });
  const code: unknown = error instanceof Error && "code" in error ? error.code : undefined;
  // What Node advises behind a semicolon is about itself.
  const reason = (error instanceof Error ? error.message : String(error)).split(";", 1)[0]?.trim() ?? "";
  const whose = `the certificate of ${url.origin}`;
  if (typeof code === "string" && untrusted.has(code)) {
    return fault(
      `${whose} is not trusted here: ${reason}`,
      "serve one that callers trust, with the certificates between it and its root; where the authority is your own, name its certificate: NODE_EXTRA_CA_CERTS=ca.pem portcullis doctor …",
    );
  }
  if (typeof code === "string" && outOfTime.has(code)) {
    return fault(`${whose} is out of its time: ${reason}`, "renew it, and see that this machine's clock is right");
  }
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") {
    const names = reason.replace(/^Hostname\/IP does not match certificate's altnames: /, "");
    return fault(`${whose} is for another name: ${names}`, `have one issued for ${url.hostname}`);
  }
  if (code === "EPROTO" || (typeof code === "string" && code.startsWith("ERR_SSL_"))) {
    return fault(
      `${url.origin} can't be called: it does not speak TLS as expected there (${code})`,
      "see that TLS ends at this port",
    );
  }
  return fault(
    `${url.origin} can't be called: ${reason}`,
    "see that the server runs, and that its certificate is right",
  );
}
