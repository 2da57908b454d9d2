// The coefficients of the last seconds as curves.
const SHOWN = { jawOpen: '#ffb454', mouthClose: '#ff6b6b', mouthPucker: '#c792ea', mouthSmileLeft: '#7fdbca', browInnerUp: '#82aaff', eyeBlinkLeft: '#8a8f98' };
export const SECONDS = 6;

export function drawTimeline(canvas, columns, rows, at, fps) {
  const paper = canvas.getContext('2d'), { width, height } = canvas, names = Object.keys(SHOWN);
  const count = SECONDS * fps, lane = height / names.length;
  paper.clearRect(0, 0, width, height);
  paper.font = '20px system-ui';
  paper.lineWidth = 2.5;
  names.forEach((name, index) => {
    const column = columns.indexOf(name), floor = (index + 1) * lane - 4;
    paper.strokeStyle = paper.fillStyle = SHOWN[name];
    paper.beginPath();
    for (let k = Math.max(0, at - count + 1); k <= at; k++) {
      const x = width - ((at - k) / count) * width, y = floor - (rows[k]?.[column] ?? 0) * (lane - 8);
      k ? paper.lineTo(x, y) : paper.moveTo(x, y);
    }
    paper.stroke();
    paper.globalAlpha = 0.7;
    paper.fillText(name, 6, floor - lane + 26);
    paper.globalAlpha = 1;
  });
}
