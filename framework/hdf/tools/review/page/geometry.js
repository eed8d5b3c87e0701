// Boxes are [x0, y0, x1, y1] on pixel edges of the original image.

export const EDGES = ["x0", "y0", "x1", "y1"];
const SMALLEST = 1;

const hundredths = (value) => Math.round(value * 100) / 100;
const between = (value, low, high) => Math.min(Math.max(value, low), high);

// The box with some edges, such as "x0 y1", moved to a point. It stays in the image, and a box.
export function withEdges(box, edges, [x, y], [height, width]) {
  let [x0, y0, x1, y1] = box;
  if (edges.includes("x0")) x0 = hundredths(between(x, 0, x1 - SMALLEST));
  if (edges.includes("y0")) y0 = hundredths(between(y, 0, y1 - SMALLEST));
  if (edges.includes("x1")) x1 = hundredths(between(x, x0 + SMALLEST, width));
  if (edges.includes("y1")) y1 = hundredths(between(y, y0 + SMALLEST, height));
  return [x0, y0, x1, y1];
}

// The whole box moved, as far as the image reaches.
export function moved([x0, y0, x1, y1], [byX, byY], [height, width]) {
  const x = between(byX, -x0, width - x1);
  const y = between(byY, -y0, height - y1);
  return [x0 + x, y0 + y, x1 + x, y1 + y].map(hundredths);
}

// A box for a structure that the model did not find, to be dragged into place.
export function newBox([height, width]) {
  return [0.35 * width, 0.35 * height, 0.65 * width, 0.65 * height].map(hundredths);
}

// The widths of heart and thorax, and their ratio; null where heart or a lung has no box.
export function ratioOf(boxes, [heart, ...lungs]) {
  if (![heart, ...lungs].every((label) => boxes[label])) return null;
  const left = Math.min(...lungs.map((label) => boxes[label][0]));
  const right = Math.max(...lungs.map((label) => boxes[label][2]));
  const width = boxes[heart][2] - boxes[heart][0];
  return right > left ? { heart: width, thorax: right - left, left, right, ratio: width / (right - left) } : null;
}

export function sameBoxes(first, second) {
  const labels = Object.keys(first);
  return labels.length === Object.keys(second).length
    && labels.every((label) => second[label] && first[label].every((edge, i) => edge === second[label][i]));
}

export const copyOf = (boxes) =>
  Object.fromEntries(Object.entries(boxes).map(([label, box]) => [label, [...box]]));
