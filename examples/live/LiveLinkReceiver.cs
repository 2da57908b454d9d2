// Unity: drives the face of an imported .glb from emote3d serve --live-link 127.0.0.1. Put it on the object with the SkinnedMeshRenderer.
using System;
using System.Net;
using System.Net.Sockets;
using UnityEngine;

public class LiveLinkReceiver : MonoBehaviour
{
    public SkinnedMeshRenderer face;
    public int port = 11111;

    static readonly string[] Shapes =
        ("eyeBlinkLeft eyeLookDownLeft eyeLookInLeft eyeLookOutLeft eyeLookUpLeft eyeSquintLeft eyeWideLeft eyeBlinkRight "
        + "eyeLookDownRight eyeLookInRight eyeLookOutRight eyeLookUpRight eyeSquintRight eyeWideRight jawForward jawLeft jawRight "
        + "jawOpen mouthClose mouthFunnel mouthPucker mouthLeft mouthRight mouthSmileLeft mouthSmileRight mouthFrownLeft "
        + "mouthFrownRight mouthDimpleLeft mouthDimpleRight mouthStretchLeft mouthStretchRight mouthRollLower mouthRollUpper "
        + "mouthShrugLower mouthShrugUpper mouthPressLeft mouthPressRight mouthLowerDownLeft mouthLowerDownRight mouthUpperUpLeft "
        + "mouthUpperUpRight browDownLeft browDownRight browInnerUp browOuterUpLeft browOuterUpRight cheekPuff cheekSquintLeft "
        + "cheekSquintRight noseSneerLeft noseSneerRight tongueOut").Split(' ');

    UdpClient socket;

    void OnEnable() => socket = new UdpClient(new IPEndPoint(IPAddress.Loopback, port));
    void OnDisable() => socket.Close();

    void Update()
    {
        while (socket.Available > 0)
        {
            IPEndPoint from = null;
            byte[] packet = socket.Receive(ref from);
            if (packet.Length < 45) continue;
            int at = 45 + BigEndianInt(packet, 41) + 16; // name; frame, sub-frame, rate and its denominator
            if (packet.Length < at + 1 + 4 * 61 || packet[at] != 61) continue;
            for (int k = 0; k < Shapes.Length; k++)
            {
                int index = face.sharedMesh.GetBlendShapeIndex(Shapes[k]);
                float value = BitConverter.Int32BitsToSingle(BigEndianInt(packet, at + 1 + 4 * k));
                if (index >= 0) face.SetBlendShapeWeight(index, value); // 0..1; multiply by 100 for shapes of an .fbx
            }
        }
    }

    static int BigEndianInt(byte[] data, int at) => IPAddress.NetworkToHostOrder(BitConverter.ToInt32(data, at));
}
