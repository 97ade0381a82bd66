import { expect, test } from "vitest";
import { followLocation } from "../../../core/registry/location.ts";
import { nextLink } from "../../../core/registry/pages.ts";

const PUBLIC = { host: "reg.example", plainHttp: false };
const FROM = new URL("https://reg.example/v2/team/app/blobs/uploads/");

test.for([
  {
    location: "/v2/team/app/blobs/uploads/1?_state=a%2Fb",
    to: "https://reg.example/v2/team/app/blobs/uploads/1?_state=a%2Fb",
  },
  { location: "1", to: "https://reg.example/v2/team/app/blobs/uploads/1" },
  { location: "https://storage.example/upload?sig=1", to: "https://storage.example/upload?sig=1" },
  { location: "http://reg.example/v2/upload", to: "https://reg.example/v2/upload" },
  { location: "http://reg.example:5000/v2/upload", to: undefined },
  { location: "http://storage.example/upload", to: undefined },
  { location: "https://ada:secret@storage.example/upload", to: undefined },
  { location: "https://169.254.169.254/latest", to: undefined },
  { location: "https://localhost/upload", to: undefined },
  { location: "ftp://reg.example/upload", to: undefined },
  { location: "https://", to: undefined },
  { location: "", to: undefined },
  { location: undefined, to: undefined },
])("a registry outside that names $location leads to $to", ({ location, to }) => {
  expect(followLocation(location, FROM, PUBLIC)?.href).toBe(to);
});

test.for([
  { location: "http://10.0.0.9:9000/upload", to: "http://10.0.0.9:9000/upload" },
  { location: "https://storage.example/upload", to: "https://storage.example/upload" },
])("a registry within the own network that names $location leads to $to", ({ location, to }) => {
  const from = new URL("http://10.0.0.5:5000/v2/team/app/blobs/uploads/");
  expect(followLocation(location, from, { host: "10.0.0.5:5000", plainHttp: true })?.href).toBe(to);
});

test("a registry with a port of its own keeps it where its proxy speaks of plain HTTP", () => {
  const from = new URL("https://reg.example:8443/v2/");
  const registry = { host: "reg.example:8443", plainHttp: false };
  for (const location of ["http://reg.example:8443/v2/upload", "http://reg.example/v2/upload"])
    expect(followLocation(location, from, registry)?.href).toBe("https://reg.example:8443/v2/upload");
});

test.for([
  { header: '</v2/a/tags/list?last=b&n=2>; rel="next"', next: "/v2/a/tags/list?last=b&n=2" },
  { header: "</v2/a>;rel=next", next: "/v2/a" },
  { header: '</first>; rel="first", </second>; title="a, b"; rel="last next"', next: "/second" },
  { header: '</v2/a>; rel="nextish"', next: undefined },
  { header: '</v2/a>; title="rel=next"', next: undefined },
  { header: "next", next: undefined },
])("the next page of $header is $next", ({ header, next }) => {
  expect(nextLink(header)).toBe(next);
});
