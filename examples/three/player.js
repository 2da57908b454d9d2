// Loads a .glb of emote3d, plays its animation in step with the recording, and lets the camera be turned.
import * as THREE from 'three';
import { OrbitControls } from 'three/addons/controls/OrbitControls.js';
import { RoomEnvironment } from 'three/addons/environments/RoomEnvironment.js';
import { GLTFLoader } from 'three/addons/loaders/GLTFLoader.js';

const query = new URLSearchParams(location.search);

function makeStage() {
  const renderer = new THREE.WebGLRenderer({ antialias: true, preserveDrawingBuffer: true });
  renderer.toneMapping = THREE.NeutralToneMapping;
  document.body.append(renderer.domElement);
  const scene = new THREE.Scene();
  scene.background = new THREE.Color(0xb0b4ba);
  const room = new THREE.PMREMGenerator(renderer).fromScene(new RoomEnvironment(), 0.04);
  scene.environment = room.texture;
  scene.environmentIntensity = 0.45;
  const key = new THREE.DirectionalLight(0xfff1e0, 1.6);
  key.position.set(1, 1.6, 2);
  scene.add(key);
  const camera = new THREE.PerspectiveCamera(24, 1, 0.05, 50);
  const fit = () => {
    renderer.setPixelRatio(devicePixelRatio);
    renderer.setSize(innerWidth, innerHeight);
    camera.aspect = innerWidth / innerHeight;
    camera.updateProjectionMatrix();
  };
  addEventListener('resize', fit);
  fit();
  return { renderer, scene, camera, controls: new OrbitControls(camera, renderer.domElement) };
}

function frame(stage, model) {
  const head = new THREE.Vector3();
  const bone = model.getObjectByName('head');
  if (bone) bone.getWorldPosition(head);
  const full = query.get('view') === 'full';
  const target = full ? new THREE.Vector3(head.x, head.y / 2 + 0.1, head.z) : head.add(new THREE.Vector3(0, 0.03, 0.05));
  stage.camera.position.copy(target).add(new THREE.Vector3(0, 0, full ? 4.6 : 0.95));
  stage.controls.target.copy(target);
  stage.controls.update();
}

async function main() {
  const stage = makeStage();
  const gltf = await new GLTFLoader().loadAsync(query.get('model') ?? 'take.glb');
  stage.scene.add(gltf.scene);
  gltf.scene.traverse((node) => { node.frustumCulled = false; }); // the bounds are those of the T-pose
  const mixer = new THREE.AnimationMixer(gltf.scene);
  const clip = gltf.animations[0];
  mixer.clipAction(clip).play();
  mixer.setTime(0);
  gltf.scene.updateMatrixWorld(true);
  frame(stage, gltf.scene);

  const sound = query.get('sound') ? new Audio(query.get('sound')) : null;
  const clock = new THREE.Clock(false);
  const now = () => (sound ? sound.currentTime : clock.running ? clock.getElapsedTime() % clip.duration : 0);
  document.getElementById('start').onclick = () => (sound ? sound.play() : clock.start());

  const show = (time) => {
    mixer.setTime(Math.min(time, clip.duration));
    stage.controls.update();
    stage.renderer.render(stage.scene, stage.camera);
  };
  const still = query.get('time');
  stage.renderer.setAnimationLoop(() => show(still === null ? now() : Number(still)));
  window.player = { gltf, clip, mixer, show, stage, THREE };
}

main().catch((error) => { document.getElementById('error').textContent = `${error.message ?? error}`; window.failure = `${error}`; });
