// Tabs: arrow keys, Home and End move between them.

export class Tabs {
  #tabs;

  /** @param {Element} list Element of the role tablist, whose tabs name their panels. */
  constructor(list) {
    this.#tabs = [...list.querySelectorAll("[role=tab]")];
    for (const tab of this.#tabs) tab.addEventListener("click", () => this.open(tab.id));
    list.addEventListener("keydown", (event) => {
      const shown = this.#tabs.filter((tab) => !tab.hidden);
      const at = shown.indexOf(document.activeElement);
      const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: shown.length - 1 }[
        event.key
      ];
      if (to === undefined) return;
      event.preventDefault();
      const tab = shown[(to + shown.length) % shown.length];
      this.open(tab.id);
      tab.focus();
    });
  }

  /**
   * Show or hide tabs; where the open one is hidden, the last one that is left is opened.
   *
   * @param {Object<string, boolean>} offered Whether a tab is shown, by its id.
   */
  offer(offered) {
    for (const tab of this.#tabs) if (tab.id in offered) tab.hidden = !offered[tab.id];
    const open = this.#tabs.find((tab) => tab.ariaSelected === "true");
    if (open?.hidden) this.open(this.#tabs.findLast((tab) => !tab.hidden).id);
  }

  /** Show the panel of a tab. */
  open(id) {
    for (const tab of this.#tabs) {
      const chosen = tab.id === id;
      tab.ariaSelected = String(chosen);
      tab.tabIndex = chosen ? 0 : -1;
      const panel = document.getElementById(tab.getAttribute("aria-controls"));
      panel.hidden = !chosen;
      if (chosen) panel.dispatchEvent(new Event("opened"));
    }
  }
}
