"use strict";
/* Tables that are sorted, filtered and shown page by page; drawings; and, for a live page, news. */

const PAGE = 50;
const dark = matchMedia("(prefers-color-scheme: dark)");

/* What a reader has set (filter, order, page) outlives a reload; a page from a file may not be allowed to keep it. */
function remembered(key) {
  try { return JSON.parse(sessionStorage.getItem("seatbelt " + key)) || {}; } catch { return {}; }
}
function remember(key, value) {
  try { sessionStorage.setItem("seatbelt " + key, JSON.stringify(value)); } catch { /* then not */ }
}

const formats = new Map();
function shown(value, digits) {
  if (value === null) return "-";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value !== "number" || digits === null) return String(value);
  if (!formats.has(digits)) {
    formats.set(digits, new Intl.NumberFormat("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits }));
  }
  return formats.get(digits).format(value);
}

/* Words are found anywhere in a row; name=value is compared with the whole value of that column. */
function matcher(text, heads) {
  const names = new Map(heads.map((head, i) => [head.name.toLowerCase().replaceAll(" ", "_"), i]));
  const tests = text.toLowerCase().split(/\s+/).filter(Boolean).map((word) => {
    const cut = word.indexOf("=");
    const column = cut > 0 ? names.get(word.slice(0, cut)) : undefined;
    const wanted = word.slice(cut + 1);
    if (column !== undefined) {
      const exact = (row) => row.texts[column] === wanted || String(row.values[column]).toLowerCase() === wanted;
      return exact;
    }
    return (row) => row.texts.some((cell) => cell.includes(word));
  });
  return (row) => tests.every((test) => test(row));
}

function compared(a, b, down) {
  if (a === null || b === null) return (a === null) - (b === null);
  const order = typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });
  return down ? -order : order;
}

class BigTable {
  constructor(root) {
    const data = JSON.parse(root.querySelector("script[type='application/json']").textContent);
    this.root = root;
    this.heads = data.heads;
    this.rows = (data.columns[0] || []).map((_, i) => ({ values: data.columns.map((column) => column[i]), texts: null }));
    this.state = { filter: "", column: null, down: false, page: 0, ...remembered(root.id) };
    this.input = root.querySelector("input");
    this.input.value = this.state.filter;
    this.input.addEventListener("input", () => this.set({ filter: this.input.value, page: 0 }));
    root.querySelector(".previous").addEventListener("click", () => this.set({ page: this.state.page - 1 }));
    root.querySelector(".next").addEventListener("click", () => this.set({ page: this.state.page + 1 }));
    root.querySelectorAll("thead th").forEach((cell, i) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = cell.textContent;
      cell.replaceChildren(button);
      button.addEventListener("click", () => this.order(i));
    });
    root.querySelector(".without-script")?.remove();
    root.querySelector(".tools").hidden = false;
    this.draw();
  }

  order(column) {
    const same = this.state.column === column;
    this.set({ column, down: same ? !this.state.down : false, page: 0 });
  }

  set(change) {
    Object.assign(this.state, change);
    remember(this.root.id, this.state);
    this.draw();
  }

  draw() {
    const { filter, column, down } = this.state;
    let found = filter.trim() ? this.readable().filter(matcher(filter, this.heads)) : this.rows;
    if (column !== null) found = found.slice().sort((a, b) => compared(a.values[column], b.values[column], down));
    const pages = Math.max(1, Math.ceil(found.length / PAGE));
    this.state.page = Math.min(Math.max(0, this.state.page), pages - 1);
    const start = this.state.page * PAGE;
    const some = found.slice(start, start + PAGE);
    this.root.querySelector("tbody").replaceChildren(...some.map((row) => this.line(row)));
    this.root.querySelectorAll("thead th").forEach((cell, i) => {
      if (i === column) cell.setAttribute("aria-sort", down ? "descending" : "ascending");
      else cell.removeAttribute("aria-sort");
    });
    const of = found.length === this.rows.length ? `${found.length}` : `${found.length} of ${this.rows.length}`;
    const rows = some.length ? `rows ${start + 1} to ${start + some.length} of ${of}` : `no row of ${this.rows.length} fits`;
    this.root.querySelector(".count").textContent = rows;
    this.root.querySelector(".previous").disabled = start === 0;
    this.root.querySelector(".next").disabled = start + PAGE >= found.length;
  }

  /* The texts of all rows, made when they are first searched. */
  readable() {
    for (const row of this.rows) {
      row.texts ??= row.values.map((value, i) => shown(value, this.heads[i].digits).toLowerCase());
    }
    return this.rows;
  }

  line(row) {
    const line = document.createElement("tr");
    row.values.forEach((value, i) => {
      const cell = document.createElement("td");
      if (this.heads[i].digits !== null) cell.className = "number";
      cell.textContent = shown(value, this.heads[i].digits);
      line.append(cell);
    });
    return line;
  }
}

/* Drawings. plotly.js is unpacked once the page is shown; each drawing is made when it comes near, or in idle time. */
let unpacked = null;
function plotly() {
  unpacked ??= (async () => {
    const text = document.getElementById("plotly").textContent;
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    const script = document.createElement("script");
    script.textContent = await new Response(stream).text();
    document.head.append(script);
  })();
  return unpacked;
}

function themed(chart, width) {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const axis = { gridcolor: colour("--grid"), linecolor: colour("--line"), zerolinecolor: colour("--line") };
  const narrow = width < 560;
  const layout = structuredClone(chart.layout);
  Object.assign(layout.xaxis, axis);
  Object.assign(layout.yaxis, axis, { showline: true });
  if (narrow && layout.yaxis.ticktext) {
    layout.yaxis.ticktext = layout.yaxis.ticktext.map((name) => wrapped(name));
    layout.yaxis.tickfont = { size: 9 };
  }
  layout.annotations.forEach((note) => {
    if (!note.plate) return;
    note.bgcolor = colour("--plate");
    delete note.plate;
  });
  return {
    ...layout,
    autosize: true,
    height: Math.round(Math.max(300, Math.min(width, 900) * chart.height + 90)),
    margin: { l: 50, r: 20, t: 12, b: 40 },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: getComputedStyle(document.body).fontFamily, size: narrow ? 11 : 13, color: colour("--ink") },
    legend: { ...layout.legend, orientation: "h", yref: "container", y: 0, yanchor: "bottom", x: 0, itemsizing: "constant" },
    hoverlabel: { align: "left" },
    dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
  };
}

/* Colours that are too dark on a dark ground have a lighter brother. */
const LIGHTER = { "#0072B2": "#4AA3DF", "#7F7F7F": "#A0A0A0", "#009E73": "#22BB8E" };

function lit(data) {
  if (!dark.matches) return structuredClone(data);
  let text = JSON.stringify(data);
  for (const [deep, light] of Object.entries(LIGHTER)) text = text.replaceAll(`"${deep}"`, `"${light}"`);
  return JSON.parse(text);
}

/* Long names beside a narrow drawing are broken into lines. */
function wrapped(name, most = 18) {
  const lines = [""];
  for (const piece of name.split(/(?<=[ _=+])/)) {
    if (lines.at(-1).length + piece.length > most && lines.at(-1)) lines.push("");
    lines[lines.length - 1] += piece;
  }
  return lines.join("<br>");
}

async function draw(element) {
  await plotly();
  const chart = (element.chart ??= JSON.parse(element.querySelector("script").textContent));
  if (!element.drawn) element.replaceChildren();
  element.drawn = true;
  const options = { responsive: true, displayModeBar: false, displaylogo: false };
  await window.Plotly.react(element, lit(chart.data), themed(chart, element.clientWidth), options);
}

let near = null;
function drawings() {
  near?.disconnect();
  const all = [...document.querySelectorAll(".chart")];
  if (!all.length) return;
  near = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      near.unobserve(entry.target);
      draw(entry.target);
    }
  }, { rootMargin: "600px" });
  all.forEach((element) => near.observe(element));
  /* The rest follows in idle time, so that printing finds everything drawn. */
  const idle = window.requestIdleCallback || ((work) => setTimeout(work, 200));
  const next = () => {
    const open = all.find((element) => !element.drawn && element.isConnected);
    if (open) idle(() => draw(open).then(next));
  };
  idle(next);
}
dark.addEventListener("change", () => document.querySelectorAll(".chart").forEach((e) => e.drawn && draw(e)));

/* A figure of the gallery takes the whole width, and goes back. */
function gallery() {
  document.querySelectorAll("figure").forEach((figure) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "enlarge";
    const key = "enlarged " + figure.id;
    const label = () => { button.textContent = figure.classList.contains("enlarged") ? "Smaller" : "Enlarge"; };
    figure.classList.toggle("enlarged", Boolean(remembered(key).on));
    label();
    button.addEventListener("click", () => {
      remember(key, { on: figure.classList.toggle("enlarged") });
      label();
      draw(figure.querySelector(".chart"));
    });
    figure.prepend(button);
  });
}

function tables() {
  document.querySelectorAll(".big").forEach((root) => new BigTable(root));
  document.querySelectorAll("details").forEach((part) => {
    if (remembered("open " + part.id).open) part.open = true;
    part.addEventListener("toggle", () => remember("open " + part.id, { open: part.open }));
  });
}

/* A live page puts the new content in place of the old one: the reader stays where they are. */
async function news() {
  const told = document.getElementById("live");
  for (;;) {
    await new Promise((done) => setTimeout(done, 2000));
    try {
      const stamp = await (await fetch("stamp")).text();
      told.textContent = "live";
      if (stamp !== document.body.dataset.live) replaceContent(await (await fetch("./")).text());
    } catch {
      told.textContent = "the dashboard has ended; this is what it last showed";
    }
  }
}

function replaceContent(text) {
  const page = new DOMParser().parseFromString(text, "text/html");
  const focused = document.activeElement?.id;
  const heights = new Map([...document.querySelectorAll("figure")].map((f) => [f.id, f.querySelector(".chart").offsetHeight]));
  const [x, y] = [scrollX, scrollY];
  document.querySelectorAll(".chart").forEach((e) => e.drawn && window.Plotly.purge(e));
  for (const selector of ["main", "nav", "#made"]) document.querySelector(selector).replaceWith(document.adoptNode(page.querySelector(selector)));
  heights.forEach((height, id) => {
    const chart = document.getElementById(id)?.querySelector(".chart");
    if (chart) chart.style.minHeight = `${height}px`;
  });
  document.body.dataset.live = page.body.dataset.live;
  start();
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  scrollTo({ left: x, top: y, behavior: "instant" });
}

function start() {
  tables();
  gallery();
  drawings();
}
start();
if (document.body.dataset.live) news();
