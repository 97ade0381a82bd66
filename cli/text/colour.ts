import { styleText } from "node:util";

/** The few styles that the program uses, by meaning; each is the identity where colour is off. */
export interface Palette {
  readonly error: (text: string) => string;
  readonly warning: (text: string) => string;
  readonly success: (text: string) => string;
  readonly running: (text: string) => string;
  readonly strong: (text: string) => string;
  readonly faint: (text: string) => string;
}

type Style = Parameters<typeof styleText>[0];

/** The palette for a stream that shows colour, or for one that does not. */
export function palette(colour: boolean): Palette {
  // The caller has looked at the stream and at NO_COLOR; styleText would look at stdout again.
  const style = (format: Style) => (text: string) =>
    colour && text !== "" ? styleText(format, text, { validateStream: false }) : text;
  return {
    error: style("red"),
    warning: style("yellow"),
    success: style("green"),
    running: style("cyan"),
    strong: style("bold"),
    faint: style("dim"),
  };
}
