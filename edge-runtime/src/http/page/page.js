// The page: one state, one request for its picture under way, the newest state next.

const $ = (id) => document.getElementById(id);
const REACH = 1.5; // the pad's edge, in coordinates of the plane
const CELLS = 5; // pictures in a row of the map behind the pad
const LAST_SEED = 2n ** 64n - 1n;
const SETTLED_MS = 300;

const state = { weights: [], seed: 7n, x: 0, y: 0, variety: 1 };
let model = null;
let shown = null; // the picture on the page: its query, its file

// Requests

async function ask(path, signal) {
  const token = sessionStorage.getItem("token");
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const answer = await fetch(path, { headers, signal });
  if (answer.status === 401) {
    // Unless another one was given meanwhile.
    if (sessionStorage.getItem("token") === token) await login(token !== null);
    return ask(path, signal);
  }
  if (answer.status === 429) {
    tell("Busy, waiting", true);
    await pause(1000 * Number(answer.headers.get("Retry-After") || 1));
    return null;
  }
  if (!answer.ok) {
    const problem = await answer.json().catch(() => ({}));
    throw new Error(problem.detail || `status ${answer.status}`);
  }
  return answer;
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

function trouble(error) {
  tell(error instanceof TypeError ? "No connection, trying again" : error.message, true);
  return pause(1000);
}

let asking = null;
function login(refused) {
  asking ??= new Promise((done) => {
    const dialog = $("login");
    dialog.addEventListener("close", () => {
      // A header takes no other characters, so no token has any.
      const token = $("token").value.trim();
      sessionStorage.setItem("token", /^[\x21-\x7e]*$/.test(token) ? token : "");
      $("token").value = "";
      $("refused").hidden = true;
      asking = null;
      done();
    }, { once: true });
    dialog.showModal();
    // What is shown in an open dialog is read out.
    $("refused").hidden = !refused;
    $("token").setAttribute("aria-invalid", refused);
  });
  return asking;
}

function tell(text, alarm = false) {
  const line = $("state");
  // What is written there is read out, also where it stays the same.
  if (line.textContent !== text) line.textContent = text;
  line.classList.toggle("alarm", alarm);
}

const weighted = () => state.weights.some((weight) => weight > 0);

function ready() {
  if (weighted()) tell("Ready");
  else tell("Give a label some weight", true);
}

// From the state to a query

const round = (number) => Math.round(number * 1000) / 1000;

function look() {
  const parts = model.labels.filter((label) => state.weights[label.index] > 0);
  if (parts.length === 1) return `label=${encodeURIComponent(parts[0].name)}`;
  const weight = (label) => `${encodeURIComponent(label.name)}:${round(state.weights[label.index])}`;
  return `mix=${parts.map(weight).join(",")}`;
}

function query(x, y) {
  const place = x || y ? `&x=${round(x)}&y=${round(y)}` : "";
  const variety = state.variety === 1 ? "" : `&truncation=${state.variety}`;
  return `${look()}&seed=${state.seed}${place}${variety}`;
}

function title() {
  const all = state.weights.reduce((sum, weight) => sum + weight, 0);
  const parts = model.labels.filter((label) => state.weights[label.index] > 0);
  if (parts.length === 1) return parts[0].name;
  return parts.map((label) => `${Math.round((100 * state.weights[label.index]) / all)} % ${label.name}`).join(", ");
}

// The picture: only one request is under way, and what was asked for meanwhile is one request more.

let wanted = null; // a picture's query, and what is said about it; none while no label has weight
let busy = false;
const rate = [];

function want() {
  if (!model) return;
  controls();
  const [x, y] = [round(state.x), round(state.y)];
  wanted = weighted() ? { query: query(x, y), name: title(), seed: state.seed, x, y } : null;
  if (!wanted || wanted.query === shown?.query) ready();
  if (!busy) work();
  settle();
}

async function work() {
  busy = true;
  while (wanted && wanted.query !== shown?.query) {
    const now = wanted;
    try {
      await show(now);
    } catch (error) {
      await trouble(error);
      if (!(error instanceof TypeError) && wanted?.query === now.query) break;
    }
  }
  busy = false;
  if (!wanted) ready();
}

async function show({ query, name, seed, x, y }) {
  const start = performance.now();
  const answer = await ask(`v1/generate?${query}`);
  if (!answer) return;
  const file = await answer.blob();
  const time = performance.now() - start;
  const bitmap = await createImageBitmap(file);
  const canvas = $("picture");
  if (canvas.width !== bitmap.width) {
    [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
    fit();
  }
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  bitmap.close();
  const place = x || y ? `, place ${x} / ${y}` : "";
  canvas.setAttribute("aria-label", `${name}, seed ${seed}${place}`);
  $("title").textContent = name;
  $("subtitle").textContent = `Seed ${seed}${place}`;
  $("address").textContent = new URL(`v1/generate?${query}`, document.baseURI).href;
  $("download").disabled = false;
  shown = { query, file, name: `${name}-${seed}${x || y ? `-${x}-${y}` : ""}.png` };
  timing(answer.headers.get("Server-Timing") || "", time);
  count();
  ready();
}

function timing(header, round) {
  const parts = new Map(header.split(",").map((part) => part.trim().split(";dur=")));
  const ms = (number) => `${number < 10 ? number.toFixed(1) : Math.round(number)} ms`;
  const cached = header.startsWith("cache");
  for (const name of ["generate", "encode", "queue"]) {
    $(`time-${name}`).textContent = cached ? (name === "generate" ? "cached" : "–") : ms(Number(parts.get(name)));
  }
  $("time-round").textContent = ms(round);
}

let calm = 0;
function count() {
  clearTimeout(calm);
  const now = performance.now();
  rate.push(now);
  while (rate.length > 1 && now - rate[0] > 1000) rate.shift();
  const say = (text) => ($("rate").textContent = text);
  say(rate.length > 4 ? `${rate.length} pictures/s` : "");
  calm = setTimeout(say, 1000, "");
}

// Whole device pixels for each of the picture's own, where there is room for them.
function fit() {
  const [canvas, frame] = [$("picture"), $("frame")];
  const space = Math.min(frame.clientWidth, frame.clientHeight) * devicePixelRatio;
  const factor = Math.floor(space / canvas.width) || space / canvas.width;
  canvas.style.width = canvas.style.height = `${(canvas.width * factor) / devicePixelRatio}px`;
  canvas.style.imageRendering = factor < 1 ? "auto" : "";
}

// After the last change: the address of the page, and the map behind the pad.

let timer = 0;
let mapped = null; // what the map shows, or is being drawn for
let drawing = new AbortController();
let delayed = false; // whether the map has told why it waits

function settle() {
  clearTimeout(timer);
  const ground = wanted && query(0, 0);
  if (mapped !== ground) {
    drawing.abort();
    mapped = null;
  }
  if (!wanted) return;
  timer = setTimeout(() => {
    history.replaceState(null, "", `#${wanted.query}`);
    if (mapped !== ground) map(ground);
  }, SETTLED_MS);
}

async function map(ground) {
  mapped = ground;
  drawing = new AbortController();
  const { signal } = drawing;
  const canvas = $("map");
  const side = model.picture.width;
  if (canvas.width !== side * CELLS) canvas.width = canvas.height = side * CELLS;
  const middle = (CELLS - 1) / 2;
  const cells = Array.from({ length: CELLS * CELLS }, (_, cell) => [cell % CELLS, Math.floor(cell / CELLS)]);
  const distance = ([column, row]) => Math.hypot(column - middle, row - middle);
  cells.sort((a, b) => distance(a) - distance(b));
  const place = (cell) => ((cell - middle) * 2 * REACH) / CELLS;
  try {
    for (const [column, row] of cells) {
      const bitmap = await cell(query(place(column), -place(row)), signal);
      if (!bitmap || signal.aborted) return;
      canvas.getContext("2d").drawImage(bitmap, column * side, row * side);
      bitmap.close();
    }
  } catch (error) {
    if (signal.aborted) return;
    mapped = null;
    tell(error.message, true);
  }
}

// A picture of the map, which waits for the picture on the page; none where the map is not wanted any more.
async function cell(text, signal) {
  while (!signal.aborted) {
    if (busy) {
      await pause(30);
      continue;
    }
    try {
      const answer = await ask(`v1/generate?${text}`, signal);
      const bitmap = answer && (await createImageBitmap(await answer.blob()));
      if (bitmap && delayed && !busy) ready();
      delayed = !bitmap;
      if (bitmap) return bitmap;
    } catch (error) {
      if (signal.aborted || !(error instanceof TypeError)) throw error;
      delayed = true;
      await trouble(error);
    }
  }
  return null;
}

// Controls follow the state.

function controls() {
  const all = state.weights.reduce((sum, weight) => sum + weight, 0);
  model.labels.forEach(({ index }) => {
    const share = all ? Math.round((100 * state.weights[index]) / all) : 0;
    $(`label-${index}`).checked = state.weights[index] > 0 && state.weights[index] === all;
    const slider = $(`weight-${index}`);
    slider.value = state.weights[index];
    slider.style.setProperty("--fill", `${100 * state.weights[index]}%`);
    $(`share-${index}`).textContent = `${share} %`;
  });
  $("handle").style.transform =
    `translate(${(state.x / REACH / 2) * $("pad").clientWidth}px, ${(-state.y / REACH / 2) * $("pad").clientHeight}px)`;
  $("pad").setAttribute("aria-valuenow", round(state.x));
  $("pad").setAttribute("aria-valuetext", `x ${round(state.x)}, y ${round(state.y)}`);
  document.querySelectorAll(".mark").forEach((mark) => {
    mark.textContent = BigInt.asUintN(64, state.seed + BigInt(mark.dataset.seed));
  });
  if (document.activeElement !== $("seed")) $("seed").value = state.seed;
  $("variety").value = state.variety;
  $("variety").style.setProperty("--fill", `${((state.variety - 0.2) / 1.3) * 100}%`);
  $("variety-value").textContent = state.variety.toFixed(2);
}

const element = (name, properties, ...children) => {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
};

function build() {
  for (const { index, name } of model.labels) {
    const radio = element("input", { type: "radio", name: "label", id: `label-${index}` });
    radio.addEventListener("change", () => {
      state.weights.fill(0);
      state.weights[index] = 1;
      want();
    });
    $("labels").append(element("label", {}, radio, element("span", { textContent: name })));
    const slider = element("input", { type: "range", min: 0, max: 1, step: 0.01, id: `weight-${index}` });
    slider.addEventListener("input", () => {
      state.weights[index] = Number(slider.value);
      want();
    });
    const share = element("output", { id: `share-${index}` });
    share.htmlFor.add(slider.id);
    $("sliders").append(element("label", { className: "slider" }, element("span", { textContent: name, title: name }), slider, share));
  }
  $("mix").hidden = !model.can_mix;
  $("engine").textContent = model.engine;
}

// The pad

function go(x, y) {
  const inside = (number) => Math.min(REACH, Math.max(-REACH, number));
  [state.x, state.y] = [inside(x), inside(y)];
  want();
}

const pad = $("pad");
const follow = (event) => {
  const box = pad.getBoundingClientRect();
  go(((event.clientX - box.left) / box.width - 0.5) * 2 * REACH, (0.5 - (event.clientY - box.top) / box.height) * 2 * REACH);
};
pad.addEventListener("pointerdown", (event) => {
  if (event.button !== 0) return;
  play(false);
  pad.setPointerCapture(event.pointerId);
  follow(event);
});
pad.addEventListener("pointermove", (event) => pad.hasPointerCapture(event.pointerId) && follow(event));
pad.addEventListener("keydown", (event) => {
  // With these, keys are the browser's: to go back, for one.
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  const step = event.shiftKey ? 0.25 : 0.05;
  const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
  const move = moves[event.key];
  if (!move && event.key !== "Home") return;
  event.preventDefault();
  play(false);
  if (move) go(state.x + move[0], state.y + move[1]);
  else go(0, 0);
});

// A closed way that begins anywhere: each coordinate swings at its own pace.
let playing = 0;
function play(on) {
  cancelAnimationFrame(playing);
  playing = 0;
  $("play").classList.toggle("on", on);
  $("play").textContent = on ? "Pause" : "Play";
  if (!on) return;
  const reach = 1.2;
  const phase = [Math.asin(Math.max(-1, Math.min(1, state.x / reach))), Math.asin(Math.max(-1, Math.min(1, state.y / reach)))];
  let start = 0;
  const step = (now) => {
    start ||= now;
    const seconds = (now - start) / 1000;
    go(reach * Math.sin(phase[0] + seconds * 0.7), reach * Math.sin(phase[1] + seconds * 0.43));
    playing = requestAnimationFrame(step);
  };
  playing = requestAnimationFrame(step);
}

$("play").addEventListener("click", () => play(!playing));
$("center").addEventListener("click", () => {
  play(false);
  go(0, 0);
});

// Seed and variety

function sow(seed) {
  state.seed = BigInt.asUintN(64, seed);
  complain(false);
  $("seed").value = state.seed;
  want();
}

function complain(wrong) {
  $("seed").setAttribute("aria-invalid", wrong);
  $("seed-help").hidden = !wrong;
}

$("seed").addEventListener("input", () => {
  const text = $("seed").value.trim();
  const valid = /^\d{1,20}$/.test(text) && BigInt(text) <= LAST_SEED;
  complain(!valid);
  if (!valid) return;
  state.seed = BigInt(text);
  want();
});
$("seed").addEventListener("blur", () => {
  complain(false);
  $("seed").value = state.seed;
});
$("previous").addEventListener("click", () => sow(state.seed - 1n));
$("next").addEventListener("click", () => sow(state.seed + 1n));
$("random").addEventListener("click", () => sow(BigInt(crypto.getRandomValues(new Uint32Array(1))[0])));
$("variety").addEventListener("input", () => {
  state.variety = Number($("variety").value);
  want();
});

// Files and addresses

$("download").addEventListener("click", () => {
  const link = element("a", { href: URL.createObjectURL(shown.file), download: shown.name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
});
$("copy").addEventListener("click", async () => {
  try {
    await navigator.clipboard.writeText($("address").textContent);
    $("copy").textContent = "Copied";
  } catch {
    getSelection().selectAllChildren($("address"));
    $("copy").textContent = "Selected";
  }
  await pause(1500);
  $("copy").textContent = "Copy";
});

// The state that the page's own address names, as far as it fits the model.
function recall() {
  const given = new URLSearchParams(location.hash.slice(1));
  const number = (name, least, most, otherwise) => {
    const found = given.has(name) ? Number(given.get(name)) : NaN;
    return found >= least && found <= most ? found : otherwise;
  };
  const index = (name) => model.labels.findIndex((label) => label.name === name);
  state.weights = model.labels.map(() => 0);
  // A name may hold commas of its own: a part ends behind its weight.
  for (const [, name, weight] of (given.get("mix") || "").matchAll(/(.+?):([\d.]+)(?:,|$)/g)) {
    if (index(name) >= 0) state.weights[index(name)] = round(Math.min(1, Number(weight) || 0));
  }
  if (!model.can_mix || !weighted()) {
    state.weights.fill(0);
    state.weights[Math.max(0, index(given.get("label")))] = 1;
  }
  const seed = given.get("seed") || "";
  if (/^\d{1,20}$/.test(seed) && BigInt(seed) <= LAST_SEED) state.seed = BigInt(seed);
  state.x = number("x", -REACH, REACH, 0);
  state.y = number("y", -REACH, REACH, 0);
  state.variety = number("truncation", 0.2, 1.5, 1);
}

async function start() {
  while (!model) {
    try {
      model = await (await ask("v1/labels"))?.json();
    } catch (error) {
      await trouble(error);
    }
  }
  // A link carries no token.
  const guarded = sessionStorage.getItem("token") !== null;
  for (const link of document.querySelectorAll("footer .guarded")) link.hidden = guarded;
  build();
  recall();
  new ResizeObserver(() => {
    fit();
    controls();
  }).observe($("frame"));
  addEventListener("hashchange", () => {
    recall();
    want();
  });
  want();
}

start();
