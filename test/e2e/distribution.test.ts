import { testFlows } from "../registries/flows.ts";

// `npm run test:registries` tries further ones.
testFlows("distribution 2.8", { server: "distribution-2", deletesTags: false });
testFlows("distribution 3", { server: "distribution-3", deletesTags: true });
