# Godot 4: drives the face of an exported .glb from emote3d serve --live-link 127.0.0.1.
# Put it on a node, and choose the MeshInstance3D that has the face shapes (Face).
extends Node

@export var face: MeshInstance3D
@export var port := 11111

const SHAPES: Array[String] = [
	"eyeBlinkLeft", "eyeLookDownLeft", "eyeLookInLeft", "eyeLookOutLeft", "eyeLookUpLeft", "eyeSquintLeft", "eyeWideLeft",
	"eyeBlinkRight", "eyeLookDownRight", "eyeLookInRight", "eyeLookOutRight", "eyeLookUpRight", "eyeSquintRight", "eyeWideRight",
	"jawForward", "jawLeft", "jawRight", "jawOpen", "mouthClose", "mouthFunnel", "mouthPucker", "mouthLeft", "mouthRight",
	"mouthSmileLeft", "mouthSmileRight", "mouthFrownLeft", "mouthFrownRight", "mouthDimpleLeft", "mouthDimpleRight",
	"mouthStretchLeft", "mouthStretchRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper",
	"mouthPressLeft", "mouthPressRight", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthUpperUpLeft", "mouthUpperUpRight",
	"browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight", "cheekPuff", "cheekSquintLeft",
	"cheekSquintRight", "noseSneerLeft", "noseSneerRight", "tongueOut",
]
var socket := PacketPeerUDP.new()

func _ready() -> void:
	if socket.bind(port, "127.0.0.1") != OK:
		push_error("UDP port %d is taken" % port)

func _process(_delta: float) -> void:
	while socket.get_available_packet_count() > 0:
		var packet := StreamPeerBuffer.new()
		packet.data_array = socket.get_packet()
		packet.big_endian = true
		packet.seek(41) # int32 version, "$" and uuid
		packet.seek(45 + packet.get_32() + 16) # name; frame, sub-frame, rate and its denominator
		if packet.get_u8() != 61:
			continue
		for shape in SHAPES:
			var value := packet.get_float()
			var index := face.find_blend_shape_by_name(shape)
			if index >= 0:
				face.set_blend_shape_value(index, value)
