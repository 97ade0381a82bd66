import { testFlows } from "./flows.ts";

testFlows("distribution 2.8", { server: "distribution-2", deletesTags: false });
testFlows("distribution 3", { server: "distribution-3", deletesTags: true });
testFlows("olareg", { server: "olareg", deletesTags: true });
// Has no referrers API, so that clients write fallback tags.
testFlows("olareg without referrers", { server: "olareg", referrers: false, deletesTags: true });
testFlows("zot", { server: "zot", deletesTags: true });
