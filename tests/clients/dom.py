"""A stand-in for the page's elements, for modules that draw and are run by Node.js."""

from tests.clients.javascript import javascript

__all__ = ["with_elements"]

ELEMENTS = """
const node = () => {
  const own = { value: "", style: { setProperty() {} }, dataset: {} };
  const listeners = {};
  own.cells = [];
  own.insertCell = () => own.cells[own.cells.push(node()) - 1];
  own.addEventListener = (name, action) => { listeners[name] = action; };
  own.dispatchEvent = ({ type }) => listeners[type]?.();
  return new Proxy(own, { get: (own, name) => (name in own ? own[name] : () => node()) });
};
const elements = new Proxy({}, { get: (own, name) => (own[name] ??= node()) });
Object.assign(globalThis, {
  document: { getElementById: (id) => elements[id], createElement: node, addEventListener() {} },
  ResizeObserver: class { observe() {} },
  matchMedia: node,
  getComputedStyle: node,
  devicePixelRatio: 1,
  location: { search: "" },
  history: { replaceState() {} },
  localStorage: { getItem: () => null },
});
"""


def with_elements(body, given=None):
    """Return what `javascript` does; in the body `elements` are the elements by their id.

    An element keeps what is assigned to it and calls what listens to its events. Whatever else it
    is asked for is a function that returns another element.
    """
    return javascript(ELEMENTS + body, given)
