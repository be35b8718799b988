// What the page asks of the viewer's server. Every failure is an ApiError with a sentence for the reader.

import { decodeValues } from "./values.js";

export class ApiError extends Error {
  /** @param {number} status of the answer; 0 where there was none. */
  constructor(sentence, status) {
    super(sentence);
    this.status = status;
  }
}

const OLD_KEY = "This page's key is missing or old. Open the address that the viewer printed when it started.";
const NO_ANSWER = "The viewer does not answer. Is it still running?";

const ofSlide = (slide, rest = "") => `api/slides/${encodeURIComponent(slide)}${rest}`;
const ofRun = (run) => `?run=${encodeURIComponent(run)}`;

/** Addresses of pictures. */
export const picture = {
  pixels: (slide, level, column, row) => ofSlide(slide, `/pixels/${level}/${column}/${row}.jpg`),
  thumbnail: (slide) => ofSlide(slide, "/thumbnail.jpg"),
  tile: (slide, index, run) => ofSlide(slide, `/tiles/${index}.jpg${ofRun(run)}`),
  tissue: (slide) => ofSlide(slide, "/tissue"),
};

export const api = {
  /** The cohort, or null where it is as it was. @param {{etag: string|null}} seen keeps what was seen last. */
  cohort: (seen) => whenChanged("api/cohort", seen),
  slide: async (slide) => (await ask(ofSlide(slide))).json(),
  values: async (slide, run, signal) =>
    decodeValues(await (await ask(ofSlide(slide, `/values${ofRun(run)}`), { signal })).arrayBuffer()),
  quality: async (slide) => decodeValues(await (await ask(ofSlide(slide, "/quality"))).arrayBuffer()),
  outlines: async (slide) => (await ask(ofSlide(slide, "/outlines"))).json(),
  tissue: async (slide) => (await ask(picture.tissue(slide))).blob(),
  tile: async (slide, index, run) => (await ask(ofSlide(slide, `/tiles/${index}${ofRun(run)}`))).json(),
  galleries: async (run) => (await ask(`api/galleries${ofRun(run)}`)).json(),
  /** All notes, or null where they are as they were. */
  notes: (seen) => whenChanged("api/notes", seen),
  addNote: async (note) =>
    (await ask("api/notes", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(note),
    })).json(),
};

/** Fetch, or say in a sentence why not. */
export async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { credentials: "same-origin", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(NO_ANSWER, 0);
  }
  if (answer.ok || answer.status === 304) return answer;
  if (answer.status === 401) throw new ApiError(OLD_KEY, 401);
  throw new ApiError(await sentence(answer), answer.status);
}

async function whenChanged(path, seen) {
  const headers = seen.etag ? { "If-None-Match": seen.etag } : {};
  const answer = await ask(path, { headers, cache: "no-store" });
  if (answer.status === 304) return null;
  const content = await answer.json();
  seen.etag = answer.headers.get("ETag");
  return content;
}

async function sentence(answer) {
  try {
    const { error, detail } = await answer.json();
    if (typeof (error ?? detail) === "string") return error ?? detail;
  } catch {
    // no JSON: the status has to do
  }
  return `The viewer answered ${answer.status} ${answer.statusText}.`;
}
