"""GLSL of the `gl` backend; the formula is the one of `lighting.py`, the numbers are those of `shading.py`."""

from __future__ import annotations

from emote3d.render.shading import Shading


def glsl_constants(shading: Shading) -> str:
    """Write the numbers of the look as GLSL constants named like the fields."""
    lines = []
    for name, value in shading._asdict().items():
        if isinstance(value, tuple):
            lines.append(f"const vec3 {name.upper()} = vec3({', '.join(f'{part:.8f}' for part in value)});")
        else:
            lines.append(f"const float {name.upper()} = {value:.8f};")
    return "\n".join(lines)


VERTEX = """#version 330
uniform mat4 view_projection;
uniform vec3 eye_m;
in vec3 position_m;
in vec3 normal;
in vec4 albedo;
in vec3 gloss;
out vec3 v_normal;
out vec3 v_to_eye;
out vec4 v_albedo;
flat out vec3 v_gloss;
void main() {
    gl_Position = view_projection * vec4(position_m, 1.0);
    v_normal = normal;
    v_to_eye = eye_m - position_m;
    v_albedo = albedo;
    v_gloss = gloss;
}
"""

SOLID_FRAGMENT = """#version 330
%(constants)s
in vec3 v_normal;
in vec3 v_to_eye;
in vec4 v_albedo;
flat in vec3 v_gloss;
out vec4 pixel;
void main() {
    vec3 n = normalize(gl_FrontFacing ? v_normal : -v_normal);
    vec3 v = normalize(v_to_eye);
    vec3 h = normalize(v + KEY_DIRECTION);
    float key = dot(n, KEY_DIRECTION);
    float edge = 1.0 - clamp(dot(n, v), 0.0, 1.0);
    edge *= edge;
    vec3 wrap = WRAP * v_gloss.z;
    vec3 lit = clamp((key + wrap) / (1.0 + wrap), 0.0, 1.0);
    vec3 light = KEY_COLOR * lit * (TERMINATOR + (1.0 - TERMINATOR) * lit)
        + FILL_COLOR * clamp(0.7 * dot(n, FILL_DIRECTION) + 0.3, 0.0, 1.0)
        + mix(GROUND_COLOR, SKY_COLOR, 0.5 + 0.5 * n.y);
    float rim = edge * clamp(dot(n, RIM_DIRECTION) + 0.25, 0.0, 1.0);
    float a = v_gloss.x * v_gloss.x;
    float nh = dot(n, h);
    float d = nh * nh * (a * a - 1.0) + 1.0;
    float lobe = a * a / (d * d) * (0.25 + 0.25 * v_gloss.x) * max(key, 0.0);
    float mirror = REFLECTANCE * v_gloss.y;
    vec3 color = v_albedo.rgb * (light + RIM_COLOR * rim)
        + mirror * (lobe * KEY_COLOR + 4.0 * edge * edge * SKY_COLOR + 2.0 * rim * RIM_COLOR);
    color = max(color * v_albedo.a, 0.0);
    vec3 s = sqrt(color);
    pixel = vec4(s * (TONE.x + TONE.y * s) / (1.0 + s * (TONE.z + TONE.y * s)), 1.0);
}
"""

COAT_FRAGMENT = """#version 330
%(constants)s
in vec3 v_normal;
in vec3 v_to_eye;
in vec4 v_albedo;
flat in vec3 v_gloss;
out vec4 pixel;
void main() {
    vec3 n = normalize(v_normal);
    vec3 v = normalize(v_to_eye);
    float nv = clamp(dot(n, v), 0.0, 1.0);
    vec3 mirrored = 2.0 * nv * n - v;
    float catch_light = smoothstep(COAT_OUTER, COAT_INNER, dot(mirrored, KEY_DIRECTION))
        + 0.25 * smoothstep(COAT_OUTER, COAT_INNER, dot(mirrored, FILL_DIRECTION));
    float edge = (1.0 - nv) * (1.0 - nv);
    float sky = COAT_FRESNEL * edge * (0.5 + 0.5 * mirrored.y);
    pixel = vec4(COAT_COLOR * (catch_light + sky) * v_albedo.a, 0.0);
}
"""

BACKGROUND_VERTEX = """#version 330
void main() {
    gl_Position = vec4(gl_VertexID == 1 ? 3.0 : -1.0, gl_VertexID == 2 ? 3.0 : -1.0, 1.0, 1.0);
}
"""

BACKGROUND_FRAGMENT = """#version 330
uniform sampler2D backdrop;
out vec4 pixel;
void main() {
    pixel = texelFetch(backdrop, ivec2(gl_FragCoord.xy), 0);
}
"""
