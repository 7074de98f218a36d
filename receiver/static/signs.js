// Signs and measures of an alarm in words: the catalogue's names are technical, the page says what they mean.
import { has, say } from "./say.js";

export function signName(sign) {
  for (const key of [`sign_${sign.name}`, `measure_${sign.name}`]) if (has(key)) return say(key);
  return sign.name;
}

export function signValue(sign) {
  if (sign.unit === "yes/no" && has(`answer_${sign.value}`)) return say(`answer_${sign.value}`);
  if (sign.unit === "name") return has(`value_${sign.value}`) ? say(`value_${sign.value}`) : String(sign.value);
  const unit = has(`unit_${sign.unit}`) ? say(`unit_${sign.unit}`) : sign.unit.replace("m/s2", "m/s²").replace("m/s3", "m/s³");
  return unit === "" ? String(sign.value) : `${sign.value} ${unit}`;
}
