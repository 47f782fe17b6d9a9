using StreamDiff.Models.Registry;

namespace StreamDiff.Models.Tests.Registry;

public sealed class ShippedModelsTests
{
    [Theory]
    [InlineData("tiny", 256, 6, 320, 192, 250)]
    [InlineData("wan2.1-t2v-1.3b-streamdiffusionv2", 1536, 30, 832, 480, 700)]
    [InlineData("wan2.1-t2v-14b-streamdiffusionv2", 5120, 40, 832, 480, 700)]
    public void Catalog_ShippedModel_IsReadStrictly(string name, int dim, int layers, int width, int height, int firstTimestep)
    {
        var model = new ModelCatalog().Find(name);
        Assert.Equal(dim, model.Config.Dit.Dim);
        Assert.Equal(layers, model.Config.Dit.NumLayers);
        Assert.Equal(new PictureSize(width, height), model.Config.DefaultSize);
        Assert.Equal(firstTimestep, model.Config.Diffusion.DenoisingSteps[0]);
    }

    [Fact]
    public void Manifest_ShippedModels_HoldEveryWeightsFile()
    {
        var catalog = new ModelCatalog();
        foreach (var model in catalog.Names.Select(catalog.Find))
            foreach (var (key, value) in model.Config.Weights.All())
                if (model.PathOf(value, out _) is not null)
                    Assert.Contains(model.Manifest.Files, f => f.Path == value && f.Role == key);
    }
}
