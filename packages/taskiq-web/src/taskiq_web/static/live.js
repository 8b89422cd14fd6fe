// Reads the page again when the server says that something has changed.
"use strict";

(() => {
  const sign = document.getElementById("live");
  let source = null;
  let isTyping = false;

  // What the viewer has opened stays open.
  Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, node) =>
    !(name === "open" && node.nodeName === "DETAILS");

  const say = (text, state) => {
    sign.textContent = text;
    sign.className = state;
  };

  const refresh = () => {
    if (!isTyping) document.body.dispatchEvent(new CustomEvent("live"));
  };

  const connect = () => {
    if (source !== null || document.hidden) return;
    source = new EventSource(document.body.dataset.events);
    const heard = () => (isTyping ? say("waits while you type", "") : say("live", "is-live"));
    source.addEventListener("open", () => say("live", "is-live"));
    source.addEventListener("changed", () => { heard(); refresh(); });
    source.addEventListener("quiet", heard);
    source.addEventListener("error-tick", () => { say("the broker is away", "is-away"); refresh(); });
    source.addEventListener("error", () => say("the dashboard is away", "is-away"));
  };

  const disconnect = () => {
    if (source !== null) source.close();
    source = null;
  };

  // A page that nobody sees costs nothing.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      disconnect();
    } else {
      connect();
      refresh();
    }
  });
  document.addEventListener("input", (event) => {
    if (event.target.closest("main")) isTyping = true;
  });
  document.addEventListener("submit", () => { isTyping = false; });
  document.addEventListener("reset", () => { isTyping = false; });
  window.addEventListener("pagehide", disconnect);
  connect();
})();
