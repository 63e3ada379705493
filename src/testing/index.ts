/** The kit for testing an application that uses Portcullis, and for proving a datastore adapter. */
export { type ClientAnswer, type ClientRequest, type Target, type TestClient, testClient } from "./client.ts";
export {
  type ConformanceExtras,
  type ConformanceRunner,
  datastoreConformance,
  type OpenDatastore,
} from "./datastore-conformance.ts";
export { sampleOf } from "./sample.ts";
