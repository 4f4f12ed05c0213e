/* Draws the charts of the trends page with uPlot over their pictures. Without it the pictures, tables and links stay. */
"use strict";

(() => {
  const HEIGHT = 220, TALL = 260, HOUR = 3600, DAY = 86400;
  const charts = [];

  /** A colour of the stylesheet as the canvas needs it, light or dark as the page is. */
  const coloursOf = (place) => {
    const probe = document.createElement("span");
    probe.className = "look probe";
    place.append(probe);
    const found = (value, look = "") => {
      probe.dataset.look = look;
      probe.style.color = value;
      return getComputedStyle(probe).color;
    };
    const colours = { look: (name) => found("var(--look)", name), named: (name) => found(`var(--${name})`) };
    return { colours, done: () => probe.remove() };
  };

  const faint = (colour, share) => colour.replace(/^rgba?\(([^)]+)\)$/, (_, parts) => `rgba(${parts.split(",").slice(0, 3)}, ${share})`);

  const said = (value, unit) => {
    if (value === null || value === undefined) return "–";
    if (unit === "share") return `${(value * 100).toFixed(1)} %`;
    return value.toLocaleString("en", { maximumFractionDigits: unit === "hours" ? 1 : 0 });
  };

  const short = (value, unit) => {
    if (unit === "share") return `${Math.round(value * 1000) / 10} %`;
    return value >= 1e6 ? `${value / 1e6}M` : value >= 1e4 ? `${value / 1e3}k` : value.toLocaleString("en");
  };

  /** Lines on each other: the sums from below, drawn from the highest so that the lower ones lie on it. */
  const stacked = (lines) => {
    const sums = [];
    lines.forEach((line, place) => sums.push(line.values.map((value, at) => (value ?? 0) + (place ? sums[place - 1][at] : 0))));
    return sums;
  };

  /** Stripes over the spans of which something is missing. */
  const hatch = (plot, holes, colour) => {
    const { ctx, bbox } = plot;
    ctx.save();
    for (const [from, to] of holes) {
      const left = Math.max(bbox.left, plot.valToPos(from, "x", true));
      const right = Math.min(bbox.left + bbox.width, Math.max(plot.valToPos(to, "x", true), left + 3 * devicePixelRatio));
      if (right <= left) continue;
      ctx.save();
      ctx.beginPath();
      ctx.rect(left, bbox.top, right - left, bbox.height);
      ctx.clip();
      ctx.strokeStyle = faint(colour, 0.7);
      ctx.lineWidth = devicePixelRatio;
      ctx.beginPath();
      for (let x = left - bbox.height; x < right; x += 6 * devicePixelRatio) {
        ctx.moveTo(x, bbox.top + bbox.height);
        ctx.lineTo(x + bbox.height, bbox.top);
      }
      ctx.stroke();
      ctx.restore();
    }
    ctx.restore();
  };

  /** A triangle on top for what happened; an incident also has a line down to the axis. */
  const pointOut = (plot, marks, colour) => {
    const { ctx, bbox } = plot, size = 5 * devicePixelRatio;
    ctx.save();
    ctx.fillStyle = ctx.strokeStyle = colour;
    ctx.lineWidth = devicePixelRatio;
    ctx.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
    for (const mark of marks) {
      const x = Math.min(bbox.left + bbox.width, Math.max(bbox.left, plot.valToPos(mark.at, "x", true)));
      ctx.beginPath();
      ctx.moveTo(x - size, bbox.top - size * 1.6);
      ctx.lineTo(x + size, bbox.top - size * 1.6);
      ctx.lineTo(x, bbox.top);
      ctx.fill();
      if (mark.kind !== "incident") continue;
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
    }
    ctx.restore();
  };

  const line = (text, value, className) => {
    const row = document.createElement("p"), name = document.createElement("span"), number = document.createElement("strong");
    name.textContent = text;
    number.textContent = value;
    if (className) row.className = className;
    row.append(name, number);
    return row;
  };

  /** What stands beside the cursor: the day or hour, its values, and what happened then. */
  const tell = (tip, chart, at) => {
    const title = document.createElement("strong"), width = chart.hourly ? HOUR : DAY;
    title.textContent = chart.labels[at];
    tip.replaceChildren(title, ...chart.lines.map((one) => line(one.name, said(one.values[at], chart.unit))));
    const band = chart.band[at];
    if (band) tip.append(line(chart.bandName, `${said(band[0], chart.unit)} to ${said(band[1], chart.unit)}`));
    for (const mark of chart.marks.filter((one) => one.at >= chart.at[at] && one.at < (chart.at[at + 1] ?? chart.at[at] + width))) {
      tip.append(line(mark.label, "", "happened"));
    }
  };

  /** Where a press leads: the line under it where they stand on each other, else the first one. */
  const leadsTo = (chart, sums, plot, at) => {
    let place = 0;
    if (chart.stacked && plot.cursor.top >= 0) {
      const value = plot.posToVal(plot.cursor.top, "y");
      place = Math.max(0, sums.findIndex((sum) => value <= sum[at]));
    }
    return chart.lines[place].hrefs[at];
  };

  const draw = (box) => {
    const chart = JSON.parse(box.dataset.chart), { colours, done } = coloursOf(box);
    const sums = chart.stacked ? stacked(chart.lines) : null, width = chart.hourly ? HOUR : DAY;
    const ink = colours.named("ink-3"), grid = colours.named("line"), mark = colours.look("mark"), hole = colours.look("hole");
    const order = chart.lines.map((_, place) => place);
    if (sums) order.reverse();
    const bars = uPlot.paths.bars({ size: [0.82, 36], align: 0 });
    const series = [], data = [chart.at], bands = [];
    if (chart.bandName) {
      for (const edge of [1, 0]) {
        series.push({ stroke: "transparent", width: 0, points: { show: false } });
        data.push(chart.band.map((span) => (span ? span[edge] : null)));
      }
      bands.push({ series: [1, 2], fill: colours.look("band") });
    }
    order.forEach((place) => {
      const one = chart.lines[place], stroke = colours.look(one.look);
      data.push(sums ? sums[place] : one.values);
      if (sums) {
        series.push({ label: one.name, stroke, fill: stroke, width: 0, paths: bars, points: { show: false } });
        return;
      }
      const before = one.look === "before";
      series.push({
        label: one.name,
        stroke,
        width: before ? 1.5 : 2,
        dash: before ? [5, 4] : undefined,
        fill: place === 0 && chart.lines.length < 3 && chart.unit === "count" ? faint(stroke, 0.08) : undefined,
        points: { show: chart.at.length <= 31 && !before, size: 5, fill: stroke },
      });
    });
    done();
    const tip = document.createElement("div");
    tip.className = "tip";
    tip.hidden = true;
    const follow = (plot) => {
      const at = plot.cursor.idx;
      tip.hidden = at === null || at === undefined || plot.cursor.left < 0;
      if (tip.hidden) return;
      tell(tip, chart, at);
      const left = plot.valToPos(chart.at[at], "x") + plot.over.offsetLeft, room = box.clientWidth - tip.offsetWidth;
      const beside = left + 14 + tip.offsetWidth > box.clientWidth ? left - 14 - tip.offsetWidth : left + 14;
      tip.style.transform = `translate(${Math.max(0, Math.min(room, beside))}px, 12px)`;
    };
    const axis = { stroke: ink, font: '12px system-ui, "Noto Sans", sans-serif', ticks: { show: false }, grid: { stroke: grid, width: 1 } };
    const share = chart.unit === "share";
    const plot = new uPlot(
      {
        width: box.clientWidth,
        height: box.closest(".wide") ? TALL : HEIGHT,
        tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), chart.zone),
        padding: [14, 8, 0, 0],
        legend: { show: false },
        cursor: { y: false, drag: { x: false, y: false }, points: { show: !sums, size: 8 } },
        scales: {
          x: { time: true, range: (_, from, to) => (sums || from === to ? [from - width * 0.6, to + width * 0.6] : [from, to]) },
          y: { range: (_, low, high) => [0, uPlot.rangeNum(0, Math.max(high ?? 0, share ? 0.05 : 4), 0.08, true)[1]] },
        },
        axes: [
          { ...axis, size: 30, grid: { show: false }, space: 64, incrs: chart.hourly ? undefined : [1, 2, 7, 14, 28, 91, 182].map((days) => days * DAY), values: (_, splits) => days(splits, chart) },
          { ...axis, size: 52, space: 44, values: (_, splits) => splits.map((value) => (share || value % 1 === 0 || chart.unit === "hours" ? short(value, chart.unit) : "")) },
        ],
        series: [{}, ...series],
        bands,
        hooks: {
          drawClear: [(one) => hatch(one, chart.holes, hole)],
          draw: [(one) => pointOut(one, chart.marks, mark)],
          setCursor: [follow],
        },
      },
      data,
    );
    box.replaceChildren(plot.root, tip);
    plot.over.addEventListener("click", () => go(plot));
    const go = (one) => {
      const at = one.cursor.idx, href = at === null || at === undefined ? "" : leadsTo(chart, sums, one, at);
      if (href) location.assign(href);
    };
    box.onkeydown = (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (step) {
        const at = Math.min(chart.at.length - 1, Math.max(0, (plot.cursor.idx ?? (step > 0 ? -1 : chart.at.length)) + step));
        plot.setCursor({ left: plot.valToPos(chart.at[at], "x"), top: -1 });
        event.preventDefault();
      } else if (event.key === "Enter") go(plot);
    };
    box.onblur = () => { tip.hidden = true; };
    return plot;
  };

  /** What the axis says below it: hours, or days with the month. */
  const days = (splits, chart) =>
    splits.map((seconds) => {
      const when = (options) => new Intl.DateTimeFormat("en-GB", { timeZone: chart.zone, ...options }).format(seconds * 1000);
      const midnight = when({ hour: "2-digit", hourCycle: "h23" }) === "00";
      return chart.hourly && !midnight ? when({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" }) : when({ day: "numeric", month: "short" });
    });

  const start = () => {
    for (const box of document.querySelectorAll(".plot[data-chart]")) {
      box.tabIndex = 0;
      box.setAttribute("role", "group");
      box.setAttribute("aria-label", `${box.getAttribute("aria-label")}. Arrow keys go along it, Enter shows the mentions.`);
      const one = { box, plot: draw(box) };
      charts.push(one);
      new ResizeObserver(() => {
        if (box.clientWidth && box.clientWidth !== one.plot.width) one.plot.setSize({ width: box.clientWidth, height: one.plot.height });
      }).observe(box);
    }
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      for (const one of charts) {
        one.plot.destroy();
        one.plot = draw(one.box);
      }
    });
  };
  document.addEventListener("DOMContentLoaded", start);
})();
