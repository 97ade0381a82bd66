import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { PlannedRelease } from "../../../core/plan/plan.ts";
import type { ConfirmedImage } from "../../../core/publish/confirm.ts";
import { isStagingTag } from "../../../core/staging/tag.ts";
import type { NotTaken } from "../../../core/taking-over/take-over.ts";
import type { TakeOverOptions } from "../../../core/taking-over/place.ts";
import { memoryRegistry, type MemoryRegistry } from "../../support/memory-registry.ts";
import {
  inEveryOrder,
  play,
  steer,
  type Scene,
  type Steering,
  type SteeringOptions,
  type Waiting,
} from "../../support/steered-registry.ts";
import { finish, HERE, keepIn, meet, RELEASE, variantOf } from "../../support/taking-over.ts";

// Pipelines that finish the same variant at once, with their requests and waits in every order that there is. What they have in common is the registry.

const [REPOSITORY] = RELEASE.repositories;
if (REPOSITORY === undefined) throw new Error("no repository");

/** The release of a pipeline: as a branch and a tag of one commit do, each has tags of its own. */
function releaseFor(pipeline: string): PlannedRelease {
  const [variant] = RELEASE.variants;
  if (variant === undefined || REPOSITORY === undefined) throw new Error("no variant");
  return { ...RELEASE, variants: [variant], tags: [{ ...REPOSITORY, tag: pipeline }] };
}

/** What happens in a scene: the registry, and who acts in it. */
interface Stage {
  readonly registry: MemoryRegistry;
  readonly steering: Steering;
  /** A run of a pipeline whose requests and waits are steered. */
  readonly run: (pipeline: string, changes?: Partial<TakeOverOptions>) => ReturnType<typeof meet>;
  /** Begins what an actor does. */
  readonly act: (actor: () => Promise<unknown>) => void;
}

/** Opens a scene; `check` looks at what came of it when all actors are done. */
function scene(
  begin: (stage: Stage) => void,
  check: (registry: MemoryRegistry, order: readonly Waiting[]) => Promise<void>,
  options: SteeringOptions = {},
): Scene {
  const registry = memoryRegistry();
  const steering = steer(registry, options);
  const acting: Promise<unknown>[] = [];
  begin({
    registry,
    steering,
    run: (pipeline, changes = {}) =>
      meet({
        release: releaseFor(pipeline),
        registry,
        changes: {
          registry: steering.actor(pipeline),
          timing: steering.timing(pipeline),
          builds: "all",
          ...changes,
        },
      }),
    act: (actor) => void acting.push(actor()),
  });
  return {
    steering,
    check: async (order) => {
      await Promise.all(acting);
      await check(registry, order);
    },
  };
}

/** What a pipeline's own `stitch` finds, whom nobody disturbs. */
async function stitchOf(pipeline: string, registry: MemoryRegistry) {
  const release = releaseFor(pipeline);
  const joined = new Set(release.variants.map(({ id }) => id));
  const { takeOver } = meet({ release, registry, changes: { joined } });
  const found = await takeOver.find(variantOf(release), HERE);
  if (!found.ok) throw new Error(found.error.kind);
  return { found: found.value, takeOver };
}

/** The image that it finds; undefined where it finds none. */
async function imageOf(pipeline: string, registry: MemoryRegistry): Promise<string | undefined> {
  const { found } = await stitchOf(pipeline, registry);
  return found.kind === "taken" ? found.image.manifest.digest : undefined;
}

function stagingTagsIn(registry: MemoryRegistry): readonly string[] {
  const names = new Set(registry.writes.filter((name) => isStagingTag(name.split(":").at(-1) ?? "")));
  return [...names].filter((name) => registry.find(name) !== undefined);
}

/** Every pipeline builds a part for its own `stitch`: afterwards each of them finds its own. */
function parts(pipelines: readonly string[], options: SteeringOptions = {}) {
  const images = new Map<string, ConfirmedImage>();
  const lost: NotTaken[] = [];
  const begin = ({ run, act }: Stage): void => {
    for (const pipeline of pipelines)
      act(async () => {
        images.set(pipeline, await finish(run(pipeline), { layer: pipeline }));
      });
  };
  const open = (): Scene =>
    scene(
      begin,
      async (registry) => {
        for (const pipeline of pipelines) {
          const { found } = await stitchOf(pipeline, registry);
          if (found.kind === "absent") {
            lost.push(found);
            continue;
          }
          expect(found.image.manifest.digest).toBe(images.get(pipeline)?.manifest.digest);
        }
        expect(stagingTagsIn(registry)).toHaveLength(1);
      },
      options,
    );
  return { open, lost };
}

/** Plays a scene in many orders by chance. */
async function inSomeOrders(open: () => Scene, numRuns: number): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.infiniteStream(fc.nat(1_000)), async (stream) => {
      await play(open(), (_, of) => (stream.next().value ?? 0) % of);
    }),
    { numRuns },
  );
}

describe("pipelines that stage the same variant at once", () => {
  test("two: each finds its own part, in every order", async () => {
    const { open, lost } = parts(["a", "b"]);
    expect(await inEveryOrder(open, 5_000)).toBe(336);
    expect(lost).toEqual([]);
  });

  test.each([
    [3, 1_500],
    [5, 400],
  ])("%i, in some orders", { timeout: 60_000 }, async (count, orders) => {
    const { open, lost } = parts(["a", "b", "c", "d", "e"].slice(0, count));
    await inSomeOrders(open, orders);
    expect(lost).toEqual([]);
  });

  test("a write that comes later than anybody waits for it can lose a part: its `stitch` says what is there instead", async () => {
    const { open, lost } = parts(["a", "b"], { delays: "any" });
    expect(await inEveryOrder(open, 5_000)).toBe(544);
    expect(lost).toHaveLength(4);
    for (const { why } of lost) expect(why).toEqual({ kind: "other-settings" });
  });
});

describe("a pipeline that is released while another one stages", () => {
  /** What was staged before is taken over, released, and gives its slot up. */
  const releasing = (registry: MemoryRegistry, { act, run }: Stage) => {
    act(async () => {
      await finish(meet({ release: releaseFor("a"), registry, changes: { builds: "all" } }), { layer: "a" });
      const joined = new Set([variantOf(releaseFor("a")).id]);
      const { takeOver } = run("a", { joined });
      await takeOver.find(variantOf(releaseFor("a")), HERE);
      await takeOver.settle(["app"]);
    });
  };

  test("takes nothing of the other away, and at most its own slot stays", async () => {
    let left = 0;
    const orders = await inEveryOrder(() => {
      let part: ConfirmedImage | undefined;
      return scene(
        (stage) => {
          releasing(stage.registry, stage);
          stage.act(async () => {
            part = await finish(stage.run("b"), { layer: "b" });
          });
        },
        async (registry) => {
          expect(await imageOf("b", registry)).toBe(part?.manifest.digest);
          if ((await imageOf("a", registry)) !== undefined) left += 1;
        },
      );
    }, 5_000);
    expect({ orders, left }).toEqual({ orders: 30, left: 8 });
  });

  test("two that build, stage and release all of it at once leave one slot at most", async () => {
    let left = 0;
    const orders = await inEveryOrder(
      () =>
        scene(
          ({ run, act }) => {
            for (const pipeline of ["a", "b"])
              act(async () => {
                const whole = run(pipeline);
                await keepIn(whole, { layer: pipeline });
                await whole.takeOver.settle(["app"]);
              });
          },
          async (registry) => {
            const tags = stagingTagsIn(registry);
            if (tags.length === 0) return;
            left += 1;
            const found = [await imageOf("a", registry), await imageOf("b", registry)];
            expect(found.filter((image) => image !== undefined)).toHaveLength(1);
          },
        ),
      20_000,
    );
    expect({ orders, left }).toEqual({ orders: 272, left: 64 });
  });
});

describe("two attempts of one job", () => {
  /** Of the same pipeline, the second a millisecond later. */
  const attempts = (
    { run, act, steering }: Stage,
    attempt: (world: ReturnType<typeof meet>, name: string) => Promise<unknown>,
  ): void => {
    for (const [at, name] of ["first", "second"].entries()) {
      const changes = { registry: steering.actor(name), timing: steering.timing(name), now: () => at };
      act(async () => await attempt(run("a", changes), name));
    }
  };

  test("do not collide: what was written last is found, and both come to their end", async () => {
    const orders = await inEveryOrder(() => {
      const images = new Map<string, ConfirmedImage>();
      return scene(
        (stage) =>
          attempts(stage, async (world, name) => {
            images.set(name, await finish(world, { layer: name }));
          }),
        async (registry, order) => {
          const last = order.findLast(({ request }) => request.startsWith("PUT "));
          expect(await imageOf("a", registry)).toBe(images.get(last?.actor ?? "")?.manifest.digest);
        },
      );
    }, 5_000);
    expect(orders).toBe(368);
  });

  test("that both release leave no tag", async () => {
    const orders = await inEveryOrder(
      () =>
        scene(
          (stage) =>
            attempts(stage, async (world, layer) => {
              await keepIn(world, { layer });
              await world.takeOver.settle(["app"]);
            }),
          async (registry) => expect(stagingTagsIn(registry)).toEqual([]),
        ),
      5_000,
    );
    expect(orders).toBe(280);
  });
});

test("a part that is there is found at any time, whoever stages and releases meanwhile", async () => {
  const orders = await inEveryOrder(() => {
    let part: ConfirmedImage | undefined;
    let found: string | undefined;
    return scene(
      ({ registry, run, act }) => {
        act(async () => {
          part = await finish(meet({ release: releaseFor("a"), registry }), { layer: "a" });
          act(async () => {
            const joined = new Set([variantOf(releaseFor("a")).id]);
            const taken = await run("a", { joined }).takeOver.find(variantOf(releaseFor("a")), HERE);
            found = taken.ok && taken.value.kind === "taken" ? taken.value.image.manifest.digest : undefined;
          });
          act(async () => await finish(run("b"), { layer: "b" }));
          act(async () => {
            const whole = run("c");
            await keepIn(whole, { layer: "c" });
            await whole.takeOver.settle(["app"]);
          });
        });
      },
      async () => expect(found).toBe(part?.manifest.digest),
    );
  }, 20_000);
  expect(orders).toBe(313);
});
