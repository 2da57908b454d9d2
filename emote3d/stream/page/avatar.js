// The avatar in three.js: a .glb with ARKit's shapes by name, its head and its eyes.
import * as THREE from 'three';
import { OrbitControls } from 'three/addons/controls/OrbitControls.js';
import { RoomEnvironment } from 'three/addons/environments/RoomEnvironment.js';
import { GLTFLoader } from 'three/addons/loaders/GLTFLoader.js';

const BONES = { neck: [55, 0.5], head: [55, 0.5], left_eye_smplhf: [58, 1], right_eye_smplhf: [61, 1] };
// First of the three columns of a bone's axis-angle, and the bone's share of it.

function light(scene, renderer) {
  scene.background = new THREE.Color(0xaeb3b9);
  scene.environment = new THREE.PMREMGenerator(renderer).fromScene(new RoomEnvironment(), 0.04).texture;
  scene.environmentIntensity = 0.45;
  const key = new THREE.DirectionalLight(0xfff1e0, 1.6);
  key.position.set(1, 1.6, 2);
  scene.add(key);
}

export async function showAvatar(place, url) {
  const renderer = new THREE.WebGLRenderer({ antialias: true, preserveDrawingBuffer: true });
  renderer.toneMapping = THREE.NeutralToneMapping;
  place.append(renderer.domElement);
  const scene = new THREE.Scene();
  light(scene, renderer);
  const camera = new THREE.PerspectiveCamera(24, 1, 0.05, 50);
  const controls = new OrbitControls(camera, renderer.domElement);
  const fit = () => {
    renderer.setPixelRatio(Math.min(devicePixelRatio, 2));
    renderer.setSize(place.clientWidth, place.clientHeight);
    camera.aspect = place.clientWidth / place.clientHeight;
    camera.updateProjectionMatrix();
  };
  new ResizeObserver(fit).observe(place);
  fit();

  const { scene: model } = await new GLTFLoader().loadAsync(url);
  scene.add(model);
  const faces = [], bones = [];
  model.traverse((node) => {
    node.frustumCulled = false; // the bounds are those of the T-pose
    if (node.morphTargetDictionary) faces.push(node);
    if (node.name in BONES) bones.push({ node, rest: node.quaternion.clone(), column: BONES[node.name][0], share: BONES[node.name][1] });
  });
  model.updateMatrixWorld(true);
  const head = model.getObjectByName('head').getWorldPosition(new THREE.Vector3()).add(new THREE.Vector3(0, 0.03, 0.05));
  camera.position.copy(head).add(new THREE.Vector3(0, 0, 0.95));
  controls.target.copy(head);

  const axis = new THREE.Vector3(), turn = new THREE.Quaternion();
  const pose = (columns, row) => {
    for (const face of faces)
      for (let k = 0; k < 52; k++) {
        const index = face.morphTargetDictionary[columns[k]];
        if (index !== undefined) face.morphTargetInfluences[index] = row[k];
      }
    for (const { node, rest, column, share } of bones) {
      axis.set(row[column], row[column + 1], row[column + 2]);
      const angle = axis.length();
      turn.setFromAxisAngle(angle ? axis.divideScalar(angle) : axis.set(0, 1, 0), share * angle);
      node.quaternion.copy(rest).multiply(turn);
    }
  };
  const draw = () => { controls.update(); renderer.render(scene, camera); };
  return { pose, draw, shapes: faces.length ? Object.keys(faces[0].morphTargetDictionary).length : 0 };
}
