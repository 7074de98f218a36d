// Building the page out of elements and text nodes only: nothing that came from outside is ever parsed as markup.
export function make(tag, className, ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  for (const child of children) if (child !== null) element.append(child);
  return element;
}

export function text(tag, className, words) {
  const element = make(tag, className);
  element.textContent = words;
  return element;
}

export function button(className, words, act) {
  const element = text("button", className, words);
  element.type = "button";
  element.addEventListener("click", act);
  return element;
}

// href: begins with "#" or "/", never what others wrote.
export function link(className, href, words) {
  const element = text("a", className, words);
  element.href = href;
  return element;
}
