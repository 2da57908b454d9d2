// Plays a .glb in the three.js example: node play.mjs GLB OUTPUT_FOLDER TIME...
// Prints what three.js made of it at each time, and leaves a screenshot of each.
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openPage } from './browser.mjs';

const [model, output, ...times] = process.argv.slice(2);
const here = dirname(fileURLToPath(import.meta.url));
const folders = [join(here, '../../examples/three'), here, dirname(model)];
const view = process.env.VIEW ?? 'face';
const { tab, problems, close } = await openPage(folders, `index.html?model=${basename(model)}&time=0&view=${view}`);
try {
  await tab.waitForFunction('window.player || window.failure', { timeout: 120000 });
  const facts = await tab.evaluate(() => {
    if (window.failure) throw new Error(window.failure);
    const { gltf, clip } = window.player;
    window.player.stage.renderer.setAnimationLoop(null);
    const meshes = [];
    gltf.scene.traverse((node) => node.isSkinnedMesh && meshes.push(node));
    const shaped = meshes.filter((mesh) => mesh.morphTargetDictionary);
    return {
      duration: clip.duration,
      tracks: clip.tracks.length,
      skinned: meshes.length,
      bones: meshes[0].skeleton.bones.length,
      shapes: Object.keys(shaped[0].morphTargetDictionary),
    };
  });
  facts.frames = [];
  for (const [index, time] of times.entries()) {
    facts.frames.push(await tab.evaluate((seconds) => {
      const { gltf, show, THREE } = window.player;
      show(seconds);
      let shaped = null;
      const verts = [];
      const point = new THREE.Vector3();
      gltf.scene.traverse((node) => {
        if (!node.isSkinnedMesh) return;
        if (node.morphTargetInfluences && !shaped) shaped = node;
        for (let vertex = 0; vertex < node.geometry.attributes.position.count; vertex += 997) {
          node.getVertexPosition(vertex, point).applyMatrix4(node.matrixWorld);
          verts.push(point.toArray());
        }
      });
      const bones = Object.fromEntries(shaped.skeleton.bones.map((bone) => [bone.name, bone.getWorldPosition(point).toArray()]));
      return { influences: Array.from(shaped.morphTargetInfluences), bones, verts };
    }, Number(time)));
    await tab.screenshot({ path: join(output, `three_${index}.png`) });
  }
  console.log(JSON.stringify({ ...facts, problems: problems.filter((text) => !/favicon|GPU stall|GL Driver|404/.test(text)) }));
} finally {
  await close();
}
