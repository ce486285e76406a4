// The dialog that offers faults, and the requests that inject and heal them.
import { h, patch } from "./dom.js";

const token = document.querySelector("meta[name=haven-token]").content;

async function ask(path, region, body) {
  const options = { cache: "no-store", credentials: "omit" };
  if (body) Object.assign(options, { method: "POST", headers: { "Content-Type": "application/json", "X-Haven-Token": token }, body: JSON.stringify(body) });
  let response;
  try {
    response = await fetch(`${path}?region=${encodeURIComponent(region)}`, options);
  } catch {
    throw new Error("the lab does not answer");
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.error || response.statusText);
  return answer;
}

export const offers = (region) => ask("faults", region).then((answer) => answer.choices);
export const heal = (region, id) => ask("heal", region, id ? { id } : { all: true });

export class Breaker {
  constructor(dialog, done) {
    this.dialog = dialog;
    this.done = done;
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  }

  open(name, choices, region) {
    Object.assign(this, { name, choices, region, sure: null, wrong: "", working: false });
    this.draw();
    this.dialog.showModal();
  }

  async inject(choice) {
    if (choice.big && this.sure !== choice) {
      this.sure = choice;
      this.draw();
      this.dialog.querySelector("button.full").focus();
      return;
    }
    this.working = true;
    this.draw();
    try {
      await ask("faults", this.region, choice);
      this.dialog.close();
      this.done(`${choice.label}: done. It holds until it is healed.`);
    } catch (error) {
      this.wrong = error.message;
    }
    this.working = false;
    this.draw();
  }

  draw() {
    const { sure } = this;
    patch(this.dialog, h("div", {}, h("h2", { id: "faults-title" }, sure ? `${sure.label}?` : "Break " + this.name),
      this.wrong && h("p", { class: "wrong", role: "alert" }, this.wrong),
      sure
        ? h("p", { key: "sure" }, sure.about + " It holds until it is healed, also when the lab starts again.")
        : h("div", { key: "choices", class: "choices" }, this.choices.map((c) => h("div", { key: c.kind + c.label, class: "choice" }, h("b", {}, c.label), h("p", {}, c.about), h("button", { type: "button", class: "danger", disabled: this.working, onclick: () => this.inject(c), "aria-label": c.label }, c.big ? "Break…" : "Break")))),
      h("footer", {}, h("button", { key: "close", type: "button", onclick: () => (sure ? ((this.sure = null), this.draw()) : this.dialog.close()) }, sure ? "Back" : "Close"),
        sure && h("button", { key: "go", type: "button", class: "danger full", disabled: this.working, onclick: () => this.inject(sure) }, sure.label))));
  }
}
