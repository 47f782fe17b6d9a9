using static StreamDiff.Training.Styles.StylePrograms;

namespace StreamDiff.Training.Styles;

/// <summary>What <c>tiny</c> can paint, and by which words it is asked for.</summary>
public static class StyleBank
{
    public static IReadOnlyList<Style> All { get; } =
    [
        new("pencil sketch",
        [
            "pencil sketch", "pencil drawing", "graphite sketch", "sketch", "hand drawn sketch", "drawn in pencil",
            "charcoal drawing", "line drawing",
        ], PencilSketch),
        new("ink drawing",
        [
            "ink drawing", "pen and ink", "ink sketch", "pen drawing", "black ink lines", "crosshatching", "manga",
        ], InkDrawing),
        new("ink and wash",
        [
            "ink and wash", "ink wash painting", "sumi-e", "chinese ink painting", "brush and ink", "japanese ink painting",
            "ink painting",
        ], InkAndWash),
        new("oil painting",
        [
            "oil painting", "oil paint", "oil on canvas", "painted in oil", "thick oil paint", "impressionist painting", "impasto",
            "van gogh", "monet", "rembrandt", "renaissance painting", "mona lisa",
        ], OilPainting),
        new("watercolor",
        [
            "watercolor", "watercolour", "watercolor painting", "aquarelle", "painted in watercolor", "a watercolour sketch",
            "soft watercolor", "gouache",
        ], Watercolor),
        new("pastel",
        [
            "pastel", "pastel drawing", "chalk drawing", "soft pastels", "crayon drawing", "coloured chalk",
            "dreamy pastel colors",
        ], Pastel),
        new("anime",
        [
            "anime", "anime style", "cel shaded", "studio ghibli", "japanese animation", "toon shading", "cel animation",
        ], Anime),
        new("comic book",
        [
            "comic book", "comic", "cartoon", "comics", "animated cartoon", "halftone", "graphic novel", "superhero comic",
        ], Comic),
        new("pop art",
        [
            "pop art", "andy warhol", "screen print", "bold poster colors", "silkscreen poster", "pop-art poster",
            "roy lichtenstein",
        ], PopArt),
        new("neon",
        [
            "neon", "neon edges", "neon lights", "glowing neon lines", "neon outlines", "glowing edges", "neon glow", "tron",
            "neon lights at night",
        ], Neon),
        new("cyberpunk",
        [
            "cyberpunk", "blade runner", "cyberpunk city lights", "night city", "futuristic city at night", "cyberpunk 2077",
            "dystopian future",
        ], Cyberpunk),
        new("vaporwave",
        [
            "vaporwave", "synthwave", "outrun", "retrowave", "80s retro", "pink and cyan", "miami vice",
        ], Vaporwave),
        new("pixel art",
        [
            "pixel art", "pixelated", "8-bit", "8 bit video game", "lego bricks", "retro pixels", "pixel mosaic", "mosaic",
            "minecraft",
        ], PixelArt, KeepsPicture: false),
        new("game boy",
        [
            "game boy", "gameboy screen", "old handheld game", "lcd game", "green lcd", "retro handheld", "tamagotchi",
        ], GameBoy),
        new("claymation",
        [
            "claymation", "clay animation", "plasticine", "stop motion clay", "made of clay", "play-doh", "wallace and gromit",
        ], Claymation),
        new("stained glass",
        [
            "stained glass", "church window", "stained-glass window", "cathedral glass", "leaded glass", "made of coloured glass",
            "tiffany glass",
        ], StainedGlass),
        new("woodcut",
        [
            "woodcut", "woodblock print", "linocut", "wood engraving", "hokusai", "ukiyo-e", "block print",
        ], Woodcut),
        new("night vision",
        [
            "night vision", "night vision goggles", "green night vision", "military night vision", "infrared night camera",
            "nightvision camera", "matrix code",
        ], NightVision),
        new("thermal",
        [
            "thermal", "thermal camera", "heat map", "thermal imaging", "heat vision", "predator vision", "infrared heat camera",
        ], Thermal),
        new("sepia",
        [
            "sepia", "sepia film", "old photograph", "vintage sepia", "old film", "vintage photo", "antique photograph",
            "western 1900s",
        ], Sepia),
        new("noir",
        [
            "noir", "film noir", "black and white", "high contrast black and white", "monochrome", "black and white movie",
            "grayscale", "sin city",
        ], Noir),
        new("blueprint",
        [
            "blueprint", "technical drawing", "architect's blueprint", "cyanotype plan", "white lines on blue",
            "engineering drawing",
        ], Blueprint),
        new("inverted",
        [
            "inverted", "negative", "inverted colors", "film negative", "colour negative", "inverse", "photo negative",
        ], Inverted),
        new("x-ray",
        [
            "x-ray", "xray", "x-ray image", "radiograph", "x ray scan", "ghostly glow",
        ], XRay),
        new("stone relief",
        [
            "stone relief", "bas-relief", "emboss", "carved in stone", "embossed", "marble carving", "stone sculpture",
            "roman statue", "marble statue",
        ], StoneRelief),
        new("bronze",
        [
            "bronze", "bronze statue", "cast in bronze", "golden statue", "made of gold", "molten gold", "brass sculpture",
        ], Bronze),
        new("sunset",
        [
            "sunset", "golden hour", "warm light", "at sunset", "warm evening light", "golden light", "summer evening",
        ], Sunset),
        new("winter",
        [
            "winter", "frozen", "cold blue light", "icy", "snowy", "arctic", "cold winter morning", "frosty",
        ], Winter),
        new("fire",
        [
            "fire", "on fire", "burning", "flames", "lava", "made of fire", "inferno", "hellfire",
        ], Fire),
        new("underwater",
        [
            "underwater", "under the sea", "deep sea", "ocean depths", "aquarium", "atlantis", "submerged",
        ], Underwater),
    ];
}
