import { describeAccountLife } from "./account-life.ts";

describeAccountLife("en", "ltr");
