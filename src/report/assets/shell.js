// SPDX-License-Identifier: GPL-2.0-only
/*
 * What every page has: local times, colours, printing, and sections that draw their charts once
 * they are opened. Knows nothing of what a page shows; page.js and compare.js use it.
 */
"use strict";

const Shell = (function () {
	const $ = (tag, props, ...children) => {
		const el = Object.assign(document.createElement(tag), props);
		el.append(...children);
		return el;
	};

	function localTimes() {
		for (const t of document.querySelectorAll("time")) {
			const d = new Date(t.dateTime);
			if (!isNaN(d)) t.textContent = d.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
		}
	}

	/* A colour of the page. Looked up once a theme: each look makes the browser lay the page out. */
	const colours = new Map();
	function css(name) {
		if (!colours.has(name)) colours.set(name, getComputedStyle(document.documentElement).getPropertyValue(name).trim());
		return colours.get(name);
	}

	/* "light", "dark", or undefined for what the system has. */
	function setTheme(name) {
		if (name) document.documentElement.dataset.theme = name;
		else delete document.documentElement.dataset.theme;
		colours.clear();
	}

	function isDark() {
		const set = document.documentElement.dataset.theme;
		return set ? set === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
	}

	/* groups: a Map of what was drawn; draw(section) draws one that is open. */
	function tools(groups, draw) {
		const theme = $("button", { type: "button" });
		const name = () => { theme.textContent = isDark() ? "Light" : "Dark"; theme.title = "Change the colours of this page"; };
		const redraw = () => { name(); groups.forEach((g) => g.redraw()); };
		theme.addEventListener("click", () => {
			setTheme(isDark() ? "light" : "dark");
			redraw();
		});
		matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { colours.clear(); redraw(); });
		name();
		const print = $("button", { type: "button", textContent: "Print" });
		print.addEventListener("click", () => window.print());
		document.getElementById("tools").append(theme, print);
		/* paper has no way to open a section, and is white */
		let closed = [], before;
		window.addEventListener("beforeprint", () => {
			before = document.documentElement.dataset.theme;
			setTheme("light");
			closed = [...document.querySelectorAll("details.suite:not([open])")];
			closed.forEach((d) => { d.open = true; draw(d); });
			groups.forEach((g) => { g.finish?.(); g.resize(); g.redraw(); });
		});
		window.addEventListener("afterprint", () => {
			closed.forEach((d) => { d.open = false; });
			setTheme(before);
			groups.forEach((g) => { g.resize(); g.redraw(); });
		});
	}

	function sections(draw) {
		for (const d of document.querySelectorAll("details.suite")) {
			d.addEventListener("toggle", () => draw(d));
			draw(d);
		}
		const reveal = () => {
			const d = location.hash && document.getElementById(location.hash.slice(1));
			if (d && d.matches("details")) d.open = true;
		};
		window.addEventListener("hashchange", reveal);
		/* the same link twice changes no hash */
		document.addEventListener("click", (e) => {
			const a = e.target.closest?.("a[href^='#suite-']"), d = a && document.getElementById(a.getAttribute("href").slice(1));
			if (d && d.matches("details")) d.open = true;
		});
		reveal();
	}

	return { $, css, localTimes, tools, sections };
})();
