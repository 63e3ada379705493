import { rolesRequired } from "portcullis";
import { done, type Feature, jsonEndpoint } from "portcullis/features";

/** An account endpoint behind a group, by one scheme: what changes accounts believes no cache. */
export const members = (scheme: "basic" | "token"): Feature => ({
  name: "members",
  endpoints: () => [
    jsonEndpoint({
      name: "members",
      path: "/members",
      authz: rolesRequired("staff"),
      authn: [scheme],
      fields: {},
      submit: () => done("/"),
    }),
  ],
});
