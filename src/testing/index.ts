/** The kit for testing an application that uses Portcullis, and for proving a datastore adapter. */

export {
  type AccessObjectId,
  type AccessObjects,
  type AccessSubject,
  type AccessTestOptions,
  accessTests,
} from "./access/index.ts";
export { type AccessPerson, byPassword, type Credential } from "./access/people.ts";
export { type ClientAnswer, type ClientRequest, type Target, type TestClient, testClient } from "./client.ts";
export {
  type ConformanceExtras,
  type ConformanceRunner,
  datastoreConformance,
  type OpenDatastore,
} from "./datastore-conformance.ts";
export { type ObjectRuleSubjects, objectRuleDifferences } from "./object-rules.ts";
export { sampleOf } from "./sample.ts";
