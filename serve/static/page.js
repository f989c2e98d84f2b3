// The page of cgconv serve: files in, models tried on them, one queue for everybody.

const at = (id) => document.getElementById(id);
const language = document.documentElement.dataset.language;
const words = await (await fetch(`/page/words.${language}.json`)).json();
const uploads = new Map(); // of this tab, by id
const jobs = new Map(); // of everybody, by id
let limits = null;
let models = [];
let current = null; // the upload on the stage
let shownJob = null; // the job whose result is on the stage
let model = "";
let look = 0; // counts what is asked for the stage: answers to older questions are dropped

// ---- words

function say(key, values = {}) {
  return words[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const shown = parts[0] ? parts : parts.slice(1);
  return shown.map((part, place) => (place ? String(part).padStart(2, "0") : part)).join(":");
}

function limitsInWords() {
  return limits && {
    mb: Math.round(limits.upload_bytes / 1e6), megapixels: limits.megapixels,
    minutes: Math.round(limits.film_s / 6) / 10, hours: Math.round(limits.keep_s / 360) / 10,
  };
}

let alertTimer = 0;
function tell(sentence, stays = false) {
  at("alert").textContent = sentence;
  at("alert").hidden = false;
  clearTimeout(alertTimer);
  if (!stays) alertTimer = setTimeout(() => { at("alert").hidden = true; }, 8000);
}

// ---- asking the server

class Refused extends Error {
  constructor(status, error) {
    super(error?.message ?? `HTTP ${status}`);
    this.status = status;
    this.code = error?.code ?? "";
  }

  inWords(name) {
    const key = `error_${this.code}`;
    return key in words ? say(key, { name, ...limitsInWords() }) : this.message;
  }
}

async function ask(path, options = {}) {
  const answer = await fetch(`/api/${path}`, options);
  if (answer.ok) return answer.status === 204 ? null : answer.json();
  if (answer.status === 401) showLogin();
  throw new Refused(answer.status, (await answer.json().catch(() => ({}))).error);
}

function post(path, values) {
  const body = values && { headers: { "Content-Type": "application/json" }, body: JSON.stringify(values) };
  return ask(path, { method: "POST", ...body });
}

function explain(error, name = "") {
  tell(error instanceof Refused ? error.inWords(name) : say("offline"));
}

async function enter(token) {
  const answer = await fetch("/api/session", { method: "POST", headers: { Authorization: `Bearer ${token}` } });
  return answer.ok;
}

function showLogin() {
  if (!at("login").open) at("login").showModal();
}

at("login").addEventListener("cancel", (event) => event.preventDefault());
at("login_form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const entered = await enter(at("token").value.trim()).catch(() => false);
  at("login_wrong").hidden = entered;
  if (entered) location.reload();
});

// ---- files in

async function takeFiles(files) {
  for (const file of files) {
    const row = document.createElement("li");
    row.className = "on-its-way";
    at("strip").append(row);
    document.body.classList.add("has-files");
    at("opened").hidden = false;
    try {
      addUpload(await send(file, (text) => { row.textContent = text; }), row);
    } catch (error) {
      explain(error, file.name);
    }
    row.remove();
    if (!uploads.size) {
      document.body.classList.remove("has-files");
      at("opened").hidden = true;
    }
  }
}

function send(file, report) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest(); // fetch does not tell how far an upload is
    request.open("POST", `/api/uploads?name=${encodeURIComponent(file.name)}`);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.responseType = "json";
    report(say("uploading", { name: file.name, percent: 0 }));
    request.upload.onprogress = (event) => {
      report(say("uploading", { name: file.name, percent: Math.floor((100 * event.loaded) / event.total) }));
    };
    request.upload.onload = () => report(say("looking", { name: file.name }));
    request.onload = () => {
      if (request.status === 201) resolve(request.response);
      else {
        if (request.status === 401) showLogin();
        reject(new Refused(request.status, request.response?.error));
      }
    };
    request.onerror = () => reject(new Error("offline"));
    request.send(file);
  });
}

function addUpload(upload, place = null) {
  uploads.set(upload.id, upload);
  const row = document.createElement("li");
  row.dataset.id = upload.id;
  const pick = button("pick", "", () => open(upload));
  pick.title = upload.name;
  pick.append(picture(`/api/uploads/${upload.id}/before`, upload.name));
  const close = button("close", "×", () => forget(upload));
  close.setAttribute("aria-label", say("close"));
  row.append(pick, close);
  if (place) place.before(row); else at("strip").append(row);
  document.body.classList.add("has-files");
  at("opened").hidden = false;
  remember();
  open(upload);
}

async function forget(upload) {
  uploads.delete(upload.id);
  at("strip").querySelector(`[data-id="${upload.id}"]`)?.remove();
  remember();
  if (current?.id === upload.id) {
    const other = [...uploads.values()].at(-1);
    if (other) open(other);
    else {
      current = null;
      at("opened").hidden = true;
      document.body.classList.remove("has-files");
    }
  }
  showButtons();
  if (![...jobs.values()].some((job) => job.upload === upload.id)) {
    await ask(`uploads/${upload.id}`, { method: "DELETE" }).catch(() => {}); // its age deletes it otherwise
  }
}

function remember() {
  sessionStorage.setItem("uploads", JSON.stringify([...uploads.keys()]));
}

// ---- the stage and the gallery

function open(upload, job = null) {
  const isOther = current?.id !== upload.id;
  current = upload;
  shownJob = job;
  for (const row of at("strip").querySelectorAll("[data-id]")) {
    row.querySelector(".pick").setAttribute("aria-pressed", row.dataset.id === upload.id);
  }
  if (job && !model) model = job.model;
  if (isOther) {
    at("before").src = `/api/uploads/${upload.id}/before`;
    showGallery();
  }
  markChosen();
  showAfter();
  showButtons();
}

function showGallery() {
  at("gallery").replaceChildren(...models.map((one) => {
    const card = button("", "", () => choose(one.name));
    card.setAttribute("role", "radio");
    card.setAttribute("aria-checked", one.name === model);
    card.dataset.model = one.name;
    card.title = one.title || one.name;
    const frame = document.createElement("span");
    frame.className = "picture waits";
    const name = document.createElement("span");
    name.className = "name";
    name.textContent = one.name;
    card.append(frame, name);
    return card;
  }));
  loadSamples(current);
}

// One after the other: a browser has six connections to a server, and uploads and pictures need some.
async function loadSamples(upload) {
  const cards = [...at("gallery").children].sort((one, other) => (other.dataset.model === model) - (one.dataset.model === model));
  for (const card of cards) {
    const image = new Image();
    image.alt = "";
    image.src = sampleOf(card.dataset.model);
    const frame = card.querySelector(".picture");
    const loads = await image.decode().then(() => true, () => false);
    frame.classList.remove("waits");
    frame.replaceChildren(loads ? image : say("sample_failed"));
    if (current?.id !== upload.id) return;
  }
}

function sampleOf(name) {
  return `/api/uploads/${current.id}/samples/${encodeURIComponent(name)}`;
}

function choose(name) {
  model = name;
  shownJob = null;
  markChosen();
  showAfter();
  showButtons();
}

function markChosen() {
  for (const card of at("gallery").children) card.setAttribute("aria-checked", card.dataset.model === model);
}

at("gallery").addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const cards = [...at("gallery").children];
  const next = cards[(cards.indexOf(document.activeElement) + step + cards.length) % cards.length];
  next.focus();
  choose(next.dataset.model);
});

function showAfter() {
  const number = ++look;
  const facts = { ...current, time: duration(current.seconds ?? 0) };
  at("film").hidden = true;
  at("film").removeAttribute("src");
  at("busy").hidden = true;
  if (shownJob) {
    at("caption").textContent = say("result_of", { name: shownJob.result.name, model: shownJob.model });
    if (shownJob.has_after) showImage(`/api/jobs/${shownJob.id}/after`, number, 1);
    else hideAfter();
    if (shownJob.kind === "film") {
      at("film").src = `/api/jobs/${shownJob.id}/result?inline=1`;
      at("film").hidden = false;
    }
    return;
  }
  at("caption").textContent = say(current.kind === "film" ? "film_facts" : "picture_facts", facts);
  if (!model) {
    hideAfter();
    return;
  }
  const options = chosen();
  const query = new URLSearchParams({ brush: options.brush, keep_colors: options.keep_colors });
  at("busy").hidden = false;
  if (!options.brush && !options.keep_colors) showImage(sampleOf(model), number, null);
  showImage(`/api/uploads/${current.id}/previews/${encodeURIComponent(model)}?${query}`, number, null).finally(() => {
    if (number === look) at("busy").hidden = true;
  });
}

async function showImage(source, number, opacity) {
  const image = new Image();
  image.src = source;
  try {
    await image.decode();
  } catch {
    if (number === look && source.includes("/previews/")) {
      const answer = await ask(source.slice(5)).catch((error) => error);
      if (answer instanceof Error && number === look) explain(answer, current.name);
    }
    return;
  }
  if (number !== look) return;
  if (at("after").dataset.number === String(number) && source.includes("/samples/")) return; // the better one is here
  at("after").src = source;
  at("after").dataset.number = number;
  at("after").hidden = false;
  at("compare").classList.add("pair");
  at("after").style.opacity = opacity ?? chosen().strength;
}

function hideAfter() {
  at("after").hidden = true;
  at("compare").classList.remove("pair");
}

at("divider").addEventListener("input", () => at("compare").style.setProperty("--cut", `${at("divider").value}%`));

// ---- options and orders

function chosen() {
  return {
    strength: Number(at("strength").value) / 100,
    brush: Number(at("brush").value),
    keep_colors: at("keep_colors").checked,
  };
}

at("strength").addEventListener("input", () => {
  at("strength_value").textContent = `${at("strength").value} %`;
  if (!shownJob) at("after").style.opacity = chosen().strength;
});
for (const id of ["brush", "keep_colors"]) {
  at(id).addEventListener("change", () => {
    shownJob = null;
    if (current) showAfter();
  });
}

function showButtons() {
  at("translate").disabled = !(current && model);
  at("translate_all").hidden = uploads.size < 2;
  at("translate_all").disabled = !model;
  at("translate_all").textContent = say("translate_all", { count: uploads.size });
}

async function order(wanted) {
  for (const upload of wanted) {
    try {
      const job = await post("jobs", { upload: upload.id, model, options: chosen() });
      if (!jobs.has(job.id)) showJob(job);
    } catch (error) {
      explain(error, upload.name);
      if (!(error instanceof Refused && error.code === "no_upload")) break;
    }
  }
}

at("options").addEventListener("submit", (event) => {
  event.preventDefault();
  if (current && model) order([current]);
});
at("translate_all").addEventListener("click", () => order([...uploads.values()]));

// ---- the queue

function showJob(job) {
  jobs.set(job.id, job);
  const old = at(`job-${job.id}`);
  const row = old ?? document.createElement("li");
  if (!old) {
    row.id = `job-${job.id}`;
    at("jobs").prepend(row);
  }
  row.className = job.state;
  const image = job.has_after ? `/api/jobs/${job.id}/after` : `/api/uploads/${job.upload}/before`;
  const kept = row.querySelector("img");
  const view = kept?.getAttribute("src") === image ? kept : picture(image, job.name);
  const opens = button("look", "", () => openJob(jobs.get(job.id)));
  opens.setAttribute("aria-label", `${say("open")} ${job.name}`);
  opens.append(view);
  const title = document.createElement("span");
  title.className = "title";
  title.textContent = say("result_of", job);
  const state = document.createElement("span");
  state.className = "state";
  row.replaceChildren(opens, title, state);
  if (job.state === "running") {
    const bar = document.createElement("progress");
    if (job.kind === "film") bar.value = job.fraction;
    bar.setAttribute("aria-label", say("running"));
    row.append(bar);
  }
  const acts = document.createElement("div");
  acts.className = "acts";
  if (job.result) {
    const link = document.createElement("a");
    link.href = `/api/jobs/${job.id}/result`;
    link.download = job.result.name;
    link.className = "main";
    link.textContent = say("download");
    acts.append(link, button("", say("open"), () => openJob(jobs.get(job.id))));
  }
  if (job.ended_s === null) acts.append(button("", say("cancel"), () => post(`jobs/${job.id}/cancel`).catch(explain)));
  else acts.append(button("", say("remove"), () => ask(`jobs/${job.id}`, { method: "DELETE" }).catch(explain)));
  row.append(acts);
  at("empty").hidden = true;
  showPlaces();
}

function dropJob(id) {
  jobs.delete(id);
  at(`job-${id}`)?.remove();
  at("empty").hidden = jobs.size > 0;
  showPlaces();
}

function showPlaces() {
  let ahead = 0;
  const inLine = [...jobs.values()].sort((one, other) => one.created_s - other.created_s);
  for (const job of [...inLine.filter((one) => one.state === "running"), ...inLine.filter((one) => one.state !== "running")]) {
    const state = at(`job-${job.id}`)?.querySelector(".state");
    if (!state) continue;
    state.textContent = stateOf(job, ahead);
    if (job.ended_s === null) ahead += 1;
  }
}

function stateOf(job, ahead) {
  if (job.state === "waiting") return ahead ? say("waiting", { place: ahead }) : say("next");
  if (job.state === "running" && job.seconds_left !== null) return say("running_left", { time: duration(job.seconds_left) });
  return job.reason ? `${say(job.state)}: ${job.reason}` : say(job.state);
}

async function openJob(job) {
  let upload = uploads.get(job.upload);
  if (!upload) {
    upload = await ask(`uploads/${job.upload}`).catch(() => null);
    if (!upload) {
      tell(say("error_no_upload"));
      return;
    }
    addUpload(upload);
  }
  open(upload, job.result ? job : null);
  at("stage").scrollIntoView({ block: "nearest" });
}

// A browser keeps few connections to one server: tabs that nobody looks at let go of theirs.
let events = null;
function listen() {
  if (document.hidden) {
    events?.close();
    events = null;
    return;
  }
  if (events) return;
  events = new EventSource("/api/events");
  const seen = new Set();
  let expected = Infinity;
  const settle = () => {
    if (seen.size < expected) return;
    expected = Infinity;
    for (const id of [...jobs.keys()]) if (!seen.has(id)) dropJob(id); // they went while nobody listened
  };
  events.addEventListener("hello", (event) => {
    seen.clear();
    expected = JSON.parse(event.data).jobs;
    at("alert").hidden = true;
    settle();
  });
  events.addEventListener("job", (event) => {
    const job = JSON.parse(event.data);
    seen.add(job.id);
    showJob(job);
    settle();
  });
  events.addEventListener("gone", (event) => {
    const { id } = JSON.parse(event.data);
    seen.add(id);
    dropJob(id);
    settle();
  });
  events.onerror = () => {
    tell(say("offline"), true);
    if (events.readyState === EventSource.CLOSED) {
      events = null;
      setTimeout(listen, 5000);
    }
  };
}
document.addEventListener("visibilitychange", listen);

// ---- small things

function button(name, text, act) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = name;
  made.textContent = text;
  made.addEventListener("click", act);
  return made;
}

function picture(source, alt) {
  const image = document.createElement("img");
  image.src = source;
  image.alt = alt;
  return image;
}

at("files").addEventListener("change", () => {
  takeFiles([...at("files").files]);
  at("files").value = "";
});
for (const name of ["dragover", "drop"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    at("drop").classList.toggle("over", name === "dragover");
    if (name === "drop" && event.dataTransfer.files.length) takeFiles([...event.dataTransfer.files]);
  });
}
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) at("drop").classList.remove("over");
});

// ---- the start

const given = new URLSearchParams(location.hash.slice(1)).get("token");
if (given) {
  history.replaceState(null, "", location.pathname);
  await enter(given).catch(() => false);
}
try {
  limits = (await ask("status")).limits;
  at("limits").textContent = say("limits", limitsInWords());
  listen();
  models = (await ask("models")).models;
  if (current) showGallery();
  for (const id of JSON.parse(sessionStorage.getItem("uploads") ?? "[]")) {
    const upload = await ask(`uploads/${id}`).catch(() => null);
    if (upload && !uploads.has(id)) addUpload(upload);
  }
} catch (error) {
  if (error.status !== 401) explain(error);
}
document.body.dataset.ready = "true";
