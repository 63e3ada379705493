import { describeAccountLife } from "./account-life.ts";

describeAccountLife("ar", "rtl");
