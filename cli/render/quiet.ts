import { failuresText, gatherFailures } from "./failures.ts";
import type { Renderer, RendererOptions } from "./renderer.ts";

/** Shows nothing but the failures, at the end. */
export function createQuiet(options: RendererOptions): Renderer {
  const failures = gatherFailures();
  return {
    onEvent: failures.apply,
    end: async () => {
      const text = failuresText(failures, options);
      if (text !== "") options.stream.write(text.trimStart());
    },
  };
}
