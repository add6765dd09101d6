/** Colours for values between 0 and 1. */

type Rgb = readonly [red: number, green: number, blue: number];

interface Stop {
  readonly at: number;
  readonly colour: Rgb;
}

/** From lowland green over ochre and brown to white peaks. */
const terrainStops: readonly Stop[] = [
  { at: 0, colour: [38, 84, 54] },
  { at: 0.2, colour: [102, 141, 78] },
  { at: 0.4, colour: [201, 193, 128] },
  { at: 0.6, colour: [170, 125, 82] },
  { at: 0.8, colour: [133, 108, 96] },
  { at: 1, colour: [250, 250, 250] },
];

/** The colour of a share of the range; shares outside 0 to 1 take the colour of the nearer end. */
export function terrainColour(share: number): Rgb {
  const step = Math.round(Math.min(1, Math.max(0, share)) * STEP_COUNT);
  // Not-a-number is the share of an infinite value among equal ones.
  return (steps[step] ?? steps[0]) as Rgb;
}

/** So many that one differs from the next by a tone of a channel at most. */
const STEP_COUNT = 1000;
const steps: readonly Rgb[] = Array.from({ length: STEP_COUNT + 1 }, (_, step) =>
  colourAt(step / STEP_COUNT),
);

function colourAt(at: number): Rgb {
  const upper = terrainStops.findIndex((stop) => stop.at >= at);
  const high = terrainStops[upper] as Stop;
  const low = terrainStops[upper - 1] ?? high;
  const span = high.at - low.at;
  const part = span === 0 ? 0 : (at - low.at) / span;
  const between = (channel: 0 | 1 | 2): number =>
    Math.round(low.colour[channel] + part * (high.colour[channel] - low.colour[channel]));
  return [between(0), between(1), between(2)];
}
