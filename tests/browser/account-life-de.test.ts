import { describeAccountLife } from "./account-life.ts";

describeAccountLife("de", "ltr");
