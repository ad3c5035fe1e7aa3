// One process for all series: argument = the package's folder; standard input = a JSON list of
// series, each a list of instances; standard output = for each its factors, or what it threw.
"use strict";

const { calculateSUVScalingFactors } = require(process.argv[2]);

console.warn = () => {}; // it misses a height for SUVs that nobody asked for

const answers = JSON.parse(require("fs").readFileSync(0, "utf8")).map((instances) => {
  try {
    return { factors: calculateSUVScalingFactors(instances).map((f) => f.suvbw) };
  } catch (error) {
    return { refused: String(error.message) };
  }
});
process.stdout.write(JSON.stringify(answers));
