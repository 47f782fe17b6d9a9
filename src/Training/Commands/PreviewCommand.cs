using System.CommandLine;
using System.Globalization;
using StreamDiff.Models;
using StreamDiff.Models.Loading;
using StreamDiff.Models.Native;
using StreamDiff.Models.Registry;
using StreamDiff.Training.Data;
using StreamDiff.Training.Evaluation;
using StreamDiff.Training.Styles;
using static TorchSharp.torch;

namespace StreamDiff.Training.Commands;

/// <summary><c>preview</c>: what the training sees, as pictures.</summary>
internal sealed class PreviewCommand : Command
{
    private readonly Option<string> _folder = new("--folder")
    {
        Description = "Where the pictures go.",
        DefaultValueFactory = _ => "out/preview",
    };
    private readonly Option<string?> _model = new("--model")
    {
        Description = "Also draw what this model's autoencoder keeps of the targets.",
    };
    private readonly Option<string[]> _library = new("--clips")
    {
        Description = "A folder of photographs, cut-outs and video to film clips from, as in train; may be repeated.",
        DefaultValueFactory = _ => [],
    };
    private readonly Option<int> _seed = new("--seed") { Description = "Of the first clip.", DefaultValueFactory = _ => 1 };

    public PreviewCommand()
        : base("preview", "Draw clips that the training would see, and the styles' targets, as PNG.")
    {
        Add(_folder);
        Add(_seed);
        Add(_model);
        Add(_library);
        SetAction(parse => Run(parse.GetValue(_folder)!, parse.GetValue(_seed), parse.GetValue(_model), parse.GetValue(_library)!));
    }

    private static int Run(string folder, int seed, string? model, string[] folders)
    {
        LibTorch.Load();
        Directory.CreateDirectory(folder);
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        const int frames = 13;
        using var library = folders.Length > 0 ? PictureLibrary.Load(folders, CPU) : null;
        var clips = Enumerable.Range(seed, 24).Select(s => (library is null
                ? tensor(SyntheticClip.Render(s, frames, 320, 192), [frames, 3, 192, 320])
                : FilmedClip.Render(library, s, frames, 320, 192))
            .to_type(ScalarType.Float32).div(Scalars.Of(255f))).ToArray();
        PictureSheet.Write(Path.Combine(folder, "clips.png"),
            clips.Chunk(4).Select(row => row.SelectMany(c => new[] { c[0], c[frames - 1] }).ToArray()).ToArray());
        PictureSheet.Write(Path.Combine(folder, "styles.png"),
            clips.Take(3).SelectMany(c => Row(c.narrow(0, 0, 1)).Chunk(8)).ToArray());
        Console.WriteLine($"{folder}/clips.png, {folder}/styles.png");
        if (model is not null)
            DrawRoundTrips(model, clips[0].narrow(0, 0, 9), Path.Combine(folder, "autoencoder.png"));
        return 0;
    }

    // A picture and what every style makes of it.
    private static Tensor[] Row(Tensor picture) => [picture[0], .. StyleBank.All.Select(s => s.Target(picture)[0])];

    // What no transformer can do better than: targets, and below them what the autoencoder keeps of them.
    private static void DrawRoundTrips(string model, Tensor clip, string path)
    {
        using var models = ModelBundle.Load(new ModelCatalog().Find(model), null, CPU, ScalarType.Float32);
        var targets = StyleBank.All.Select(s => s.Target(clip)).ToArray();
        var kept = targets.Select(t => VaeCheck.RoundTrip(models.Vae, t)).ToArray();
        for (var i = 0; i < kept.Length; i++)
            Console.WriteLine(
                string.Create(CultureInfo.InvariantCulture, $"{StyleBank.All[i].Name}: {Measures.Psnr(targets[i], kept[i]):0.0} dB"));
        PictureSheet.Write(path, [.. targets.Zip(kept).Chunk(9)
            .SelectMany(part => new[] { part.Select(p => p.First[8]).ToArray(), part.Select(p => p.Second[8]).ToArray() })]);
        Console.WriteLine(path);
    }
}
