import type { VulnerabilitySeverity } from "../plan/plan.ts";

/**
 * The base score of a CVSS vector of version 2, 3.0 or 3.1; undefined for one that is incomplete or of another version.
 * @see https://www.first.org/cvss/v3.1/specification-document#7-1-Base-Metrics-Equations
 * @see https://www.first.org/cvss/v2/guide#3-2-1-Base-Equation
 */
export function baseScore(vector: string): number | undefined {
  if (vector.length > 512) return undefined;
  const metrics = new Map(
    vector.split("/").map((part): [string, string] => {
      const [name = "", value = ""] = part.split(":", 2);
      return [name, value];
    }),
  );
  const version = metrics.get("CVSS");
  if (version === undefined) return secondVersion(metrics);
  return version.startsWith("3.") ? thirdVersion(metrics) : undefined;
}

/** What a score of version 3 or 4 is called. */
export function severityOfScore(score: number): VulnerabilitySeverity {
  if (score >= 9) return "critical";
  if (score >= 7) return "high";
  if (score >= 4) return "medium";
  return score > 0 ? "low" : "unknown";
}

type Metrics = ReadonlyMap<string, string>;
type Weights = Readonly<Record<string, number>>;

const IMPACT: Weights = { H: 0.56, L: 0.22, N: 0 };
const VECTOR: Weights = { N: 0.85, A: 0.62, L: 0.55, P: 0.2 };
const COMPLEXITY: Weights = { L: 0.77, H: 0.44 };
const INTERACTION: Weights = { N: 0.85, R: 0.62 };
const PRIVILEGES: Weights = { N: 0.85, L: 0.62, H: 0.27 };
const PRIVILEGES_CHANGED: Weights = { N: 0.85, L: 0.68, H: 0.5 };
const SCOPE: Weights = { U: 0, C: 1 };

function thirdVersion(metrics: Metrics): number | undefined {
  const isChanged = weigh(metrics, "S", SCOPE) === 1;
  const privileges = isChanged ? PRIVILEGES_CHANGED : PRIVILEGES;
  const weights = [
    weigh(metrics, "S", SCOPE),
    weigh(metrics, "C", IMPACT),
    weigh(metrics, "I", IMPACT),
    weigh(metrics, "A", IMPACT),
    weigh(metrics, "AV", VECTOR),
    weigh(metrics, "AC", COMPLEXITY),
    weigh(metrics, "PR", privileges),
    weigh(metrics, "UI", INTERACTION),
  ].filter((each) => each !== undefined);
  const [, c = 0, i = 0, a = 0, av = 0, ac = 0, pr = 0, ui = 0] = weights;
  if (weights.length < 8) return undefined;
  const base = 1 - (1 - c) * (1 - i) * (1 - a);
  const impact = isChanged ? 7.52 * (base - 0.029) - 3.25 * (base - 0.02) ** 15 : 6.42 * base;
  if (impact <= 0) return 0;
  const sum = impact + 8.22 * av * ac * pr * ui;
  return roundUp(Math.min(isChanged ? 1.08 * sum : sum, 10));
}

/** To one decimal, upwards, without the noise of binary fractions. */
function roundUp(score: number): number {
  const whole = Math.round(score * 100_000);
  return whole % 10_000 === 0 ? whole / 100_000 : (Math.floor(whole / 10_000) + 1) / 10;
}

const IMPACT_2: Weights = { N: 0, P: 0.275, C: 0.66 };
const VECTOR_2: Weights = { L: 0.395, A: 0.646, N: 1 };
const COMPLEXITY_2: Weights = { H: 0.35, M: 0.61, L: 0.71 };
const AUTHENTICATION_2: Weights = { M: 0.45, S: 0.56, N: 0.704 };

function secondVersion(metrics: Metrics): number | undefined {
  const weights = [
    weigh(metrics, "C", IMPACT_2),
    weigh(metrics, "I", IMPACT_2),
    weigh(metrics, "A", IMPACT_2),
    weigh(metrics, "AV", VECTOR_2),
    weigh(metrics, "AC", COMPLEXITY_2),
    weigh(metrics, "Au", AUTHENTICATION_2),
  ].filter((each) => each !== undefined);
  const [c = 0, i = 0, a = 0, av = 0, ac = 0, au = 0] = weights;
  if (weights.length < 6) return undefined;
  const impact = 10.41 * (1 - (1 - c) * (1 - i) * (1 - a));
  if (impact === 0) return 0;
  const score = (0.6 * impact + 0.4 * 20 * av * ac * au - 1.5) * 1.176;
  return Math.round(score * 10) / 10;
}

function weigh(metrics: Metrics, name: string, weights: Weights): number | undefined {
  const value = metrics.get(name) ?? "";
  return Object.hasOwn(weights, value) ? weights[value] : undefined;
}
